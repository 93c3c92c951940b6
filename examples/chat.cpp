// SPDX-License-Identifier: Apache-2.0
// A chat with history and streaming. The pages of earlier turns stay in the engine's prefix cache,
// so that each turn computes only what is new.
//
//   build/demo/examples/chat [model.gguf or directory] < lines
//
// Answers each line. /undo removes the last turn, /again answers it anew, an empty line or the end
// of the input ends the program. Prints each answer while it is written, and after it how many
// tokens the prompt had and how many of them were computed.
#include <iostream>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const std::vector<std::filesystem::path> paths{path};
    tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths));

    tutti::Request settings;
    settings.samples_per_expert = 1;  // with several, each has its own stream
    settings.max_new_tokens = 256;
    settings.sampling.temperature = 0.7F;
    tutti::Chat chat(ensemble, "You are a helpful assistant. Answer in one sentence.", settings);
    const auto print = [](const tutti::StreamEvent& event) {
      std::cout << event.text << std::flush;
    };

    std::string line;
    while (std::cout << "> " << std::flush && std::getline(std::cin, line) && !line.empty()) {
      if (line == "/undo") {
        std::cout << "removed: " << chat.undo().value_or("nothing") << "\n";
        continue;
      }
      try {
        const tutti::Result answer = line == "/again" ? chat.regenerate(print)
                                                      : chat.say(line, print);
        std::cout << "\n(" << answer.prompt_tokens.size() << " tokens, "
                  << answer.cost.total().prompt_tokens << " of them computed)\n";
      } catch (const tutti::CapacityError&) {  // the conversation is longer than the context
        if (!chat.drop_oldest_turn()) throw;
        std::cout << "the oldest turn was dropped to make room: please ask again\n";
      } catch (const tutti::OptionError& error) {  // nothing to regenerate
        std::cout << error.what() << "\n";
      }
    }
    std::cout << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
