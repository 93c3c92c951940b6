// SPDX-License-Identifier: Apache-2.0
// Load time and memory of a model: `after_load` and `after_use` are the growth of the process
// divided by the size of the files, after loading and after reading every page of the weights.
// Above 1.2 the benchmark fails.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/transformer/weights/load.hpp"

namespace {

constexpr double kMaxMemory = 1.2;

/// A line of /proc/self/status in bytes: "VmRSS" is the resident memory, "VmHWM" its maximum.
double memory_of_process(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == name + ":" && status >> kilobytes) return 1024 * kilobytes;
  }
  return 0;
}

/// A Llama of about 100 MB in F16, written in small pieces so that writing it does not affect the
/// process's memory.
void write_model(const std::filesystem::path& directory) {
  constexpr std::size_t kVocabulary = 32768, kHidden = 768, kInner = 2048, kLayers = 4;
  const tutti::Json config = {{"model_type", "llama"},        {"vocab_size", kVocabulary},
                              {"hidden_size", kHidden},       {"intermediate_size", kInner},
                              {"num_hidden_layers", kLayers}, {"num_attention_heads", 12},
                              {"num_key_value_heads", 4},     {"tie_word_embeddings", true},
                              {"rms_norm_eps", 1e-5},         {"max_position_embeddings", 2048}};
  std::ofstream(directory / "config.json") << config.dump();
  std::vector<std::pair<std::string, std::vector<std::size_t>>> tensors{
      {"model.embed_tokens", {kVocabulary, kHidden}}, {"model.norm", {kHidden}}};
  for (std::size_t l = 0; l < kLayers; ++l) {
    const std::string layer = "model.layers." + std::to_string(l) + ".";
    tensors.insert(tensors.end(), {{layer + "input_layernorm", {kHidden}},
                                   {layer + "post_attention_layernorm", {kHidden}},
                                   {layer + "self_attn.q_proj", {kHidden, kHidden}},
                                   {layer + "self_attn.k_proj", {kHidden / 3, kHidden}},
                                   {layer + "self_attn.v_proj", {kHidden / 3, kHidden}},
                                   {layer + "self_attn.o_proj", {kHidden, kHidden}},
                                   {layer + "mlp.gate_proj", {kInner, kHidden}},
                                   {layer + "mlp.up_proj", {kInner, kHidden}},
                                   {layer + "mlp.down_proj", {kHidden, kInner}}});
  }
  tutti::Json header;
  std::size_t end = 0;
  for (const auto& [name, shape] : tensors) {
    std::size_t bytes = 2;
    for (const std::size_t extent : shape) bytes *= extent;
    header[name + ".weight"] = {
        {"dtype", "F16"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  std::ofstream file(directory / "model.safetensors", std::ios::binary);
  const std::string text = header.dump();
  const std::uint64_t length = text.size();
  file.write(reinterpret_cast<const char*>(&length), sizeof(length)) << text;
  const std::string piece(1 << 16, '\x2C');  // 0x2C2C is a small F16
  for (std::size_t written = 0; written < end; written += piece.size()) {
    file.write(piece.data(), static_cast<std::streamsize>(std::min(piece.size(), end - written)));
  }
}

/// Reads a byte of every page of the matrices.
void read_all(const tutti::ModelWeights& model) {
  const auto read = [](const tutti::LinearWeights& linear) {
    for (std::size_t at = 0; at < linear.weight.bytes(); at += 4096)
      benchmark::DoNotOptimize(std::to_integer<int>(linear.weight.data[at]));
  };
  for (const tutti::LayerWeights& layer : model.layers) {
    for (const auto linear : tutti::LayerWeights::kLinears) read(layer.*linear);
  }
  read(model.embedding);
}

void load(benchmark::State& state, const std::filesystem::path& path, double bytes) {
  std::ofstream("/proc/self/clear_refs") << 5;  // resets VmHWM
  const double before = memory_of_process("VmRSS");
  for (auto _ : state) benchmark::DoNotOptimize(tutti::load_weights(path));
  const tutti::ModelWeights model = tutti::load_weights(path);
  state.counters["megabytes"] = bytes / 1e6;
  state.counters["after_load"] = (memory_of_process("VmRSS") - before) / bytes;
  read_all(model);
  const double after_use =
      (std::max(memory_of_process("VmRSS"), memory_of_process("VmHWM")) - before) / bytes;
  state.counters["after_use"] = after_use;
  if (after_use > kMaxMemory)
    state.SkipWithError("the model takes more than 1.2 times the memory of its files");
}

void safetensors(benchmark::State& state) {
  const tutti::test::TemporaryDirectory directory;
  write_model(directory.path());
  load(state, directory.path(),
       static_cast<double>(std::filesystem::file_size(directory.path() / "model.safetensors")));
}

void gguf(benchmark::State& state) {
  const std::filesystem::path path = std::filesystem::path(TUTTI_MODEL_DIR) /
                                     "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(path))
    return state.SkipWithError("the default model is not there: cmake -P cmake/fetch_model.cmake");
  load(state, path, static_cast<double>(std::filesystem::file_size(path)));
}

BENCHMARK(gguf)->Unit(benchmark::kMillisecond);
BENCHMARK(safetensors)->Unit(benchmark::kMillisecond);

}  // namespace
