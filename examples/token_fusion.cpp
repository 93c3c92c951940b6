// SPDX-License-Identifier: Apache-2.0
// Fusing instead of selecting: two experts generate one text together, their next-token
// distributions combined at each token.
//
//   build/demo/examples/token_fusion [MODEL MODEL ...]
//
// Prints the texts of the mixture and of the product of the experts. Without arguments the experts
// are the default model and the same model quantized again to 8 bits: two models that differ
// slightly.
#include <filesystem>
#include <iostream>
#include <vector>

#include "tutti/tutti.hpp"

using Model = tutti::Transformer<tutti::Cpu>;
using Ensemble = tutti::Ensemble<std::dynamic_extent, Model, tutti::MeanLogProbability>;

/// Two versions of one model; codec and experts are given to the ensemble one by one.
Ensemble two_versions(const std::filesystem::path& path) {
  const std::vector<Model> models{Model::load(path),
                                  Model::load(path, {.storage = tutti::DType::q8_0})};
  return Ensemble(tutti::ExpertStack(models),
                  tutti::codec_of(tutti::load_tokenizer(path), models[0].config().eos_tokens));
}

int main(int argc, char** argv) {
  const std::vector<std::filesystem::path> paths(argv + 1, argv + argc);
  try {
    Ensemble ensemble = paths.empty() ? two_versions("models/SmolLM2-135M-Instruct.Q4_1.gguf")
                                      : Ensemble(tutti::load_experts<tutti::Cpu>(paths));
    tutti::Request request;
    request.messages = {{"user", "Name the four seasons."}};
    request.max_new_tokens = 48;
    request.sampling.temperature = 0;  // the most likely token of the fused distribution
    std::cout << "mean of probabilities: "
              << ensemble.fuse(request, tutti::Fusion::mean_of_probabilities).text() << "\n";
    std::cout << "product of experts:    "
              << ensemble.fuse(request, tutti::Fusion::product_of_experts).text() << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
