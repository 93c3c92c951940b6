// SPDX-License-Identifier: Apache-2.0
// A method of your own: a coroutine that decides what to generate next from what it has seen. This
// one draws samples one after the other until two of them contain the same number, and answers with
// that one. All requests share the batches, so waiting costs the others nothing.
//
//   build/demo/examples/custom_method [model.gguf or directory]
//
// Prints for each question the number of samples that were drawn, and the answer.
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

/// The last number in a text; empty if it has none.
std::string last_number(const std::string& text) {
  const std::size_t end = text.find_last_of("0123456789");
  if (end == std::string::npos) return {};
  const std::size_t before = text.find_last_not_of("0123456789", end);
  return text.substr(before + 1, end - before);
}

/// Stops at the second vote for the same number.
struct UntilTwoAgree {
  std::size_t max_samples = 16;

  // A coroutine; the engine keeps this object until the request ends.
  tutti::Task<tutti::Selection> operator()(tutti::Session& session) const {
    std::map<std::string, int> votes;
    for (std::size_t i = 0; i < max_samples; ++i) {
      co_await session.write(1);  // one more sample of each expert
      for (std::size_t c = i * session.experts(); c < session.candidates().size(); ++c) {
        const std::string number = last_number(session.candidates()[c].text);
        if (!number.empty() && ++votes[number] == 2) co_return tutti::Selection{c, {}};
      }
    }
    co_return tutti::Selection{};
  }
};

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const std::vector<std::filesystem::path> paths{path};
    tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths));
    std::vector<tutti::Request> requests;
    for (const char* question : {"What is five plus seven?", "How many days has a week?"}) {
      tutti::Request& request = requests.emplace_back();
      request.messages = {{"user", question}};
      request.max_new_tokens = 32;
      request.sampling.temperature = 0.9F;
    }
    auto results = ensemble.engine().run(requests, UntilTwoAgree{});
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const tutti::Result result = results[i].get();
      std::cout << requests[i].messages[0].content << " " << result.candidates.size()
                << " samples: " << result.text() << "\n";
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
