// SPDX-License-Identifier: Apache-2.0
// A scorer of one's own is a lambda: here, answers that hold the right number are worth most,
// shorter ones a little more.
//
//   build/demo/examples/custom_scorer [model.gguf or directory]
//
// Prints every candidate with the value that the lambda gave it, and the pick.
#include <algorithm>
#include <iostream>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  using Model = tutti::Transformer<tutti::Cpu>;
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const std::vector<Model> experts(4, Model::load(path));
    auto knows_the_sum = [](const tutti::Candidate& candidate) {
      const bool right = candidate.text.find("12") != std::string::npos;
      return (right ? 1.0 : 0.0) - 0.001 * static_cast<double>(candidate.tokens.size());
    };
    tutti::Ensemble<4, Model, tutti::FunctionScorer<decltype(knows_the_sum)>> ensemble(
        tutti::ExpertStack<4, Model>(experts), tutti::codec_of(tutti::load_tokenizer(path)),
        {knows_the_sum});

    tutti::Request request;
    request.prompt =
        "<|im_start|>user\nWhat is five plus seven?<|im_end|>\n<|im_start|>assistant\n";
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
