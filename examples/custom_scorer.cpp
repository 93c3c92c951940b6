// SPDX-License-Identifier: Apache-2.0
// A custom scorer is a lambda. Here: an answer that contains the right number scores highest, and a
// shorter answer a little higher than a longer one.
//
//   build/demo/examples/custom_scorer [model.gguf or directory]
//
// Prints every candidate with its score, and the picked one.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const std::vector<std::filesystem::path> paths(4, path);
    tutti::Ensemble ensemble(
        tutti::load_experts<tutti::Cpu>(paths), [](const tutti::Candidate& candidate) {
          const bool right = candidate.text.find("12") != std::string::npos;
          return (right ? 1.0 : 0.0) - 0.001 * static_cast<double>(candidate.tokens.size());
        });

    tutti::Request request;
    request.messages = {{"user", "What is five plus seven?"}};
    request.samples_per_expert = 4;
    request.max_new_tokens = 32;
    request.sampling.temperature = 0.9F;
    const tutti::Result result = ensemble.generate(request);
    for (const tutti::Candidate& candidate : result.candidates) {
      std::string line = candidate.text;
      std::replace(line.begin(), line.end(), '\n', ' ');
      std::cout << candidate.score << "  " << line << "\n";
    }
    std::cout << "picked: " << result.text() << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
