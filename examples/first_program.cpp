// SPDX-License-Identifier: Apache-2.0
// The smallest useful program: eight experts, two samples each; the answer is the most likely of
// the sixteen.
//
//   build/demo/examples/first_program [MODEL ...]
//
// MODEL is a .gguf file, a Hugging Face directory, or a directory of several; give one per expert.
// With one model all eight experts are the same and share its weights. Prints the question, the
// answer, and which candidate it is.
#include <filesystem>
#include <iostream>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> paths(argv + 1, argv + argc);
  if (paths.empty()) paths = {"models/SmolLM2-135M-Instruct.Q4_1.gguf"};
  if (paths.size() == 1 && !std::filesystem::is_directory(paths[0])) paths.resize(8, paths[0]);
  try {
    tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths), tutti::MeanLogProbability{});

    tutti::Request request;
    request.messages = {{"user", "What is the capital of France?"}};
    request.samples_per_expert = 2;
    request.sampling.temperature = 0.7F;
    const tutti::Result result = ensemble.generate(request);

    std::cout << request.messages.back().content << "\n" << result.text() << "\n";
    std::cout << "(candidate " << result.selection.index + 1 << " of " << result.candidates.size()
              << ", mean log-probability " << result.best().score << ")\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
