// SPDX-License-Identifier: Apache-2.0
// Offline batch: every line of a file is a prompt, and all of them are answered in one batch, with
// a progress bar.
//
//   build/demo/examples/prompt_file [FILE [model.gguf or directory]]
//
// Prints each prompt with its answer, in the order of the file; on stderr the progress and the
// tokens per second.
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

void print_progress(std::size_t finished, std::size_t all) {
  constexpr std::size_t kWidth = 40;
  const std::size_t full = kWidth * finished / all;
  std::cerr << "\r[" << std::string(full, '#') << std::string(kWidth - full, ' ') << "] "
            << finished << "/" << all << std::flush;
}

int main(int argc, char** argv) {
  const char* file = argc > 1 ? argv[1] : "examples/prompts.txt";
  const char* path = argc > 2 ? argv[2] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const std::vector<std::filesystem::path> paths{path};
    tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths));

    std::vector<tutti::Request> requests;
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      tutti::Request& request = requests.emplace_back();
      request.messages = {{"user", line}};
      request.samples_per_expert = 4;
      request.max_new_tokens = 32;
    }
    // The method of Ensemble::generate with its default components; any other would do.
    const tutti::Method method = tutti::Generate<>();
    auto results = ensemble.engine().run(requests, method, print_progress);

    const tutti::EngineStats stats = ensemble.engine().stats();
    std::cerr << "\n"
              << stats.generated_tokens << " tokens in " << stats.steps << " steps, "
              << static_cast<double>(stats.generated_tokens) / stats.step_seconds
              << " tokens per second\n";
    for (std::size_t i = 0; i < results.size(); ++i) {
      std::cout << requests[i].messages[0].content << "\n";
      try {
        std::cout << "  " << results[i].get().text() << "\n";
      } catch (const tutti::Error& error) {  // of this request only
        std::cout << "  error: " << error.what() << "\n";
      }
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
