// SPDX-License-Identifier: Apache-2.0
// Fusing instead of selecting: two experts write one text together, their next-token distributions
// averaged at each token.
//
//   build/demo/examples/token_fusion [model.gguf or directory ...]
//
// Prints what the mixture and the product of the experts write. Without arguments the experts are
// the default model with its weights as they are, and the same model rounded once more to 8 bits:
// two models that differ a little.
#include <iostream>
#include <vector>

#include "tutti/tutti.hpp"

int main(int argc, char** argv) {
  using Model = tutti::Transformer<tutti::Cpu>;
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    std::vector<Model> experts;
    for (int i = 1; i < argc; ++i) experts.push_back(Model::load(argv[i]));
    if (experts.empty())
      experts = {Model::load(path), Model::load(path, {.storage = tutti::DType::q8_0})};
    tutti::Ensemble<std::dynamic_extent, Model, tutti::MeanLogProbability> ensemble(
        tutti::ExpertStack<std::dynamic_extent, Model>(experts),
        tutti::codec_of(tutti::load_tokenizer(path)));

    tutti::Request request;
    request.prompt = "<|im_start|>user\nName the four seasons.<|im_end|>\n<|im_start|>assistant\n";
    request.max_new_tokens = 32;
    request.sampling.temperature = 0;  // the likeliest token of the fused distribution
    std::cout << "mean of probabilities: "
              << ensemble.fuse(request, tutti::Fusion::mean_of_probabilities).text() << "\n";
    std::cout << "product of experts:    "
              << ensemble.fuse(request, tutti::Fusion::product_of_experts).text() << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
