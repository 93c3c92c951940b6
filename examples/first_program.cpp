// SPDX-License-Identifier: Apache-2.0
// The smallest useful program: eight experts, two samples each, the likeliest of the sixteen
// answers.
//
//   build/demo/examples/first_program [model.gguf or directory]
//
// Prints the question, the answer, and which of the sixteen candidates it is. With one model file
// all experts are the same model and share its weights; eight fine-tunes make eight different
// experts.
#include <iostream>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  using Model = tutti::Transformer<tutti::Cpu>;
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const std::vector<Model> experts(8, Model::load(path));
    tutti::Tokenizer tokenizer = tutti::load_tokenizer(path);
    const auto chat = tutti::chat_template_of(tokenizer);
    const std::vector<tutti::ChatMessage> messages{{"user", "What is the capital of France?"}};

    tutti::Ensemble<8, Model, tutti::MeanLogProbability> ensemble(
        tutti::ExpertStack<8, Model>(experts), tutti::codec_of(std::move(tokenizer)));
    tutti::Request request;
    request.prompt = chat.render(messages);
    request.samples_per_expert = 2;
    request.max_new_tokens = 24;
    request.sampling.temperature = 0.7F;
    const tutti::Result result = ensemble.generate(request);

    std::cout << messages.back().content << "\n" << result.text() << "\n";
    std::cout << "(candidate " << result.selection.index + 1 << " of " << result.candidates.size()
              << ", mean log-probability " << result.best().score << ")\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
