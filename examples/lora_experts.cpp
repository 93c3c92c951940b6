// SPDX-License-Identifier: Apache-2.0
// Experts as LoRA adapters on one base: the base's weights are kept and read once for all of them.
//
//   build/demo/examples/lora_experts [BASE ADAPTER ...]
//
// Prints the tokens that each expert writes, and the bytes of weights that a token cost with and
// without sharing. Without arguments it takes the tiny checkpoint and adapters of the tests, whose
// weights are random: numbers, not words.
#include <iostream>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  using Model = tutti::Transformer<tutti::Cpu>;
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) {
    const std::string data = "tests/data/transformer/";
    paths = {data + "llama", data + "lora_all", data + "lora_rs", data + "lora_pattern"};
  }
  try {
    const Model base = Model::load(paths.front());
    std::vector<Model> experts;
    for (std::size_t i = 1; i < paths.size(); ++i) experts.push_back(base.with_adapter(paths[i]));

    const auto weight_bytes_per_token = [&](const std::vector<Model>& models) {
      tutti::Ensemble<std::dynamic_extent, Model, tutti::CrossExpertLikelihood> ensemble{
          tutti::ExpertStack<std::dynamic_extent, Model>(models)};
      tutti::Request request;
      request.prompt_tokens = {3, 17, 42, 5};
      request.samples_per_expert = 2;
      request.max_new_tokens = 8;
      const tutti::Result result = ensemble.generate(request);
      for (const tutti::Candidate& candidate : result.candidates) {
        std::cout << "  expert " << candidate.expert << ", sample " << candidate.sample << ":";
        for (const tutti::Token token : candidate.tokens) std::cout << " " << token;
        std::cout << "\n";
      }
      const tutti::Cost cost = result.cost.total();
      return cost.weight_bytes / static_cast<double>(cost.generated_tokens);
    };
    std::cout << experts.size() << " experts on one base:\n";
    const double together = weight_bytes_per_token(experts);
    std::cout << "the base alone:\n";
    const double alone = weight_bytes_per_token({base});
    std::cout << "bytes of weights read for a token: " << together << " together, " << alone
              << " alone\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
