// SPDX-License-Identifier: Apache-2.0
// The decode loop without an ensemble: two experts, one prompt each, greedy decoding in batches of
// one row per expert.
//
//   build/demo/examples/low_level_loop [EXPERT ...]
//
// Prints the tokens that each expert writes. Without arguments it takes a tiny checkpoint and
// adapters of the tests, whose weights are random: numbers, not words.
#include <filesystem>
#include <iostream>
#include <vector>

#include "tutti/tutti.hpp"

namespace {

using Stack = tutti::ExpertStack<std::dynamic_extent, tutti::Transformer<tutti::Cpu>>;

/// The likeliest `count` tokens after `prompt`, one after the other, of every expert.
std::vector<std::vector<tutti::Token>> decode_greedily(Stack& stack,
                                                       const std::vector<tutti::Token>& prompt,
                                                       std::size_t count) {
  // A row is one token of one sequence; rows are grouped by expert. `outputs` names the rows whose
  // logits are wanted: the last one of each prompt.
  std::vector<tutti::Row> rows;
  std::vector<std::uint32_t> outputs;
  for (std::uint32_t expert = 0; expert < stack.size(); ++expert) {
    const tutti::SequenceId sequence = stack.create();
    for (std::uint32_t position = 0; position < prompt.size(); ++position)
      rows.push_back({expert, sequence, position, prompt[position]});
    outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
  }

  std::vector<std::vector<tutti::Token>> answers(stack.size());
  while (true) {
    // Valid until the next call of forward.
    const tutti::MatrixView<const float> logits = stack.forward(rows, outputs);
    std::vector<tutti::Row> next;
    for (std::uint32_t expert = 0; expert < stack.size(); ++expert) {
      const auto token = static_cast<tutti::Token>(
          tutti::argmax({logits.row(expert), stack.vocabulary_size()}));
      answers[expert].push_back(token);
      const tutti::Row& last = rows[outputs[expert]];
      next.push_back({expert, last.sequence, last.position + 1, token});
    }
    if (answers[0].size() == count) break;
    rows = next;
    for (std::uint32_t expert = 0; expert < stack.size(); ++expert) outputs[expert] = expert;
  }
  stack.clear();  // frees the cache pages of all sequences
  return answers;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> paths(argv + 1, argv + argc);
  const std::filesystem::path data = "tests/data/transformer";
  if (paths.empty()) paths = {data / "llama", data / "lora_all", data / "lora_rs"};
  try {
    const auto experts = tutti::load_experts<tutti::Cpu>(paths);
    Stack stack(experts.models);
    for (const std::vector<tutti::Token>& answer : decode_greedily(stack, {3, 17, 42, 5}, 8)) {
      for (const tutti::Token token : answer) std::cout << token << ' ';
      std::cout << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
