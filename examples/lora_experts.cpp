// SPDX-License-Identifier: Apache-2.0
// Experts that are LoRA adapters on one base model: the base's weights are stored once, and read
// once per step for all experts.
//
//   build/demo/examples/lora_experts [BASE ADAPTER ...]
//
// Prints the tokens of each candidate, and the bytes of weights read per token with and without
// sharing. Without arguments it uses the tests' tiny checkpoint and adapters, whose weights are
// random: numbers, not words.
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

/// Generates with the experts, prints the candidates, and returns bytes of weights per token.
double weight_bytes_per_token(const tutti::Experts<tutti::Cpu>& experts) {
  tutti::Ensemble ensemble(experts);
  tutti::Request request;
  request.prompt_tokens = {3, 17, 42, 5};
  request.samples_per_expert = 2;
  request.max_new_tokens = 8;
  request.ignore_end_of_text = true;  // the same number of tokens from every expert
  const tutti::Result result = ensemble.generate(request);
  for (const tutti::Candidate& candidate : result.candidates) {
    std::cout << "  expert " << candidate.expert << ", sample " << candidate.sample << ":";
    for (const tutti::Token token : candidate.tokens) std::cout << " " << token;
    std::cout << "\n";
  }
  const tutti::Cost cost = result.cost.total();
  return cost.weight_bytes / static_cast<double>(cost.generated_tokens);
}

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> paths(argv + 1, argv + argc);
  if (paths.empty()) {
    const std::string data = "tests/data/transformer/";
    paths = {data + "llama", data + "lora_all", data + "lora_rs", data + "lora_pattern"};
  }
  try {
    const auto experts = tutti::load_experts<tutti::Cpu>(paths);
    paths.resize(1);
    const auto base = tutti::load_experts<tutti::Cpu>(paths);
    std::cout << experts.models.size() << " experts on one base:\n";
    const double together = weight_bytes_per_token(experts);
    std::cout << "the base alone:\n";
    const double alone = weight_bytes_per_token(base);
    std::cout << "bytes of weights read for a token: " << together << " together, " << alone
              << " alone\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
