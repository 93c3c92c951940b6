// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/weights/load.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/formats/safetensors/safetensors.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Matrices are used where the file has them", "[load]") {
  const ModelWeights model = load_weights(checkpoint("llama"));
  const SafetensorsModel file(checkpoint("llama"));
  const TensorView* tensor = file.find("model.layers.1.mlp.up_proj.weight");
  REQUIRE(tensor != nullptr);
  const WeightMatrix& weight = model.layers[1].up.weight;
  CHECK(weight.type == DType::f32);
  CHECK(weight.rows == 48);
  CHECK(weight.cols == 32);
  CHECK(std::memcmp(weight.data, tensor->data, tensor->bytes) == 0);
  CHECK(model.owners.size() == 1);
}

TEST_CASE("A tied head is the embedding", "[load]") {
  const ModelWeights model = load_weights(checkpoint("llama_tied"));
  REQUIRE(model.head.has_value());
  CHECK(model.head->weight.data == model.embedding.weight.data);
}

TEST_CASE("Weights can be converted while they are loaded", "[load]") {
  const ModelWeights exact = load_weights(checkpoint("llama"));
  for (const DType type : {DType::f16, DType::bf16, DType::f32}) {
    const ModelWeights model = load_weights(checkpoint("llama"), {.storage = type});
    const WeightMatrix& weight = model.layers[0].query.weight;
    CHECK(weight.type == type);
    std::vector<float> row(32);
    std::vector<float> reference(32);
    dequantize_row(type, weight.row(3), 32, row.data());
    dequantize_row(DType::f32, exact.layers[0].query.weight.row(3), 32, reference.data());
    for (std::size_t i = 0; i < 32; ++i)
      CHECK(row[i] == Approx(reference[i]).epsilon(type == DType::bf16 ? 0.004 : 0.0005));
  }
  CHECK_THROWS_WITH(load_weights(checkpoint("llama"), {.storage = DType::q4_0}),
                    contains("cannot convert to Q4_0"));
  CHECK_THROWS_WITH(load_weights(checkpoint("llama"), {.storage = DType::q8_0}),
                    contains("rows of 48 elements are no multiple of 32"));
}

TEST_CASE("Paths that cannot be examined are refused with the reason", "[load]") {
  const TemporaryDirectory directory;
  const std::filesystem::path loop = directory.path() / "loop";
  std::filesystem::create_symlink(loop, loop);
  for (const std::filesystem::path& path : {loop, directory.path() / std::string(300, 'x')}) {
    CHECK_THROWS_AS(load_weights(path), FormatError);
    CHECK_THROWS_WITH(load_weights(path), contains("give a .gguf file or a directory"));
  }
  CHECK_THROWS_WITH(load_weights(loop), contains("loop: Too many levels of symbolic links"));
}

TEST_CASE("Paths that are no model are refused", "[load]") {
  CHECK_THROWS_AS(load_weights("/no/such/model"), FormatError);
  CHECK_THROWS_WITH(load_weights("/no/such/model"), contains("no such file or directory"));
  const TemporaryDirectory directory;
  CHECK_THROWS_AS(load_weights(directory.path()), FormatError);
  CHECK_THROWS_WITH(
      load_weights(directory.path()),
      contains(directory.path().string() + ": has no config.json: give a .gguf file"));
  CHECK_THROWS_WITH(load_weights(checkpoint("lora_all")), contains("has an adapter and no model"));
  CHECK_THROWS_WITH(load_weights(checkpoint("llama") / "model.safetensors"),
                    contains("model.safetensors: does not begin with \"GGUF\", so it is no GGUF"));
}

namespace {

/// The tiny checkpoint, rewritten tensor by tensor: `change` returns the name to write, or an empty
/// one to leave it out.
template <class Change>
void rewrite(const TemporaryDirectory& directory, const char* name, Change change) {
  std::filesystem::copy_file(checkpoint(name) / "config.json", directory.path() / "config.json");
  const SafetensorsModel file(checkpoint(name));
  SafetensorsWriter writer;
  for (const TensorView& tensor : file.tensors()) {
    std::vector<std::size_t> shape = tensor.shape;
    const std::string written = change(tensor.name, shape);
    const std::string_view data(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
    if (!written.empty()) writer.add(written, "F32", shape, data);
  }
  writer.write(directory.path() / "model.safetensors");
}

}  // namespace

TEST_CASE("A missing tensor is named with the shape it should have", "[load]") {
  const TemporaryDirectory directory;
  rewrite(directory, "llama", [](const std::string& name, auto&) {
    return name == "model.layers.1.self_attn.k_proj.weight" ? std::string() : name;
  });
  CHECK_THROWS_AS(load_weights(directory.path()), ModelError);
  CHECK_THROWS_WITH(
      load_weights(directory.path()),
      contains("model.layers.1.self_attn.k_proj.weight of shape [16, 32] is missing"));
}

TEST_CASE("A tensor of the wrong shape is named with both shapes", "[load]") {
  const TemporaryDirectory directory;
  rewrite(directory, "llama", [](const std::string& name, auto& shape) {
    if (name == "model.layers.0.mlp.up_proj.weight") std::swap(shape[0], shape[1]);
    return name;
  });
  CHECK_THROWS_WITH(load_weights(directory.path()),
                    contains("has shape [32, 48], the configuration asks for [48, 32]"));
}

TEST_CASE("A tensor that nothing reads is refused, since the answers would be wrong without it",
          "[load]") {
  const TemporaryDirectory directory;
  rewrite(directory, "llama_bias", [](const std::string& name, auto&) { return name; });
  CHECK_NOTHROW(load_weights(directory.path()));
  std::ofstream(directory.path() / "config.json")
      << std::ifstream(checkpoint("llama") / "config.json").rdbuf();
  CHECK_THROWS_WITH(load_weights(directory.path()), contains("is not part of the architecture"));
}

TEST_CASE("A tensor of an element type that weights cannot have is named with the type", "[load]") {
  for (const auto& [type, bytes] :
       {std::pair("F8_E4M3", 1U), std::pair("F64", 8U), std::pair("I32", 4U)}) {
    for (const char* name : {"model.layers.1.mlp.up_proj.weight", "model.norm.weight",
                             "model.embed_tokens.weight", "lm_head.weight", "unknown"}) {
      CAPTURE(type, name);
      const TemporaryDirectory directory;
      std::filesystem::copy_file(checkpoint("llama") / "config.json",
                                 directory.path() / "config.json");
      const SafetensorsModel file(checkpoint("llama"));
      SafetensorsWriter writer;
      for (const TensorView& tensor : file.tensors()) {
        const std::string_view data(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
        if (tensor.name != name) writer.add(tensor.name, "F32", tensor.shape, data);
        if (tensor.name == name)
          writer.add(name, type, tensor.shape, std::string(tensor.bytes / 4 * bytes, 'x'));
      }
      if (name == std::string("unknown")) writer.add(name, type, {2}, std::string(2 * bytes, 'x'));
      writer.write(directory.path() / "model.safetensors");
      const std::string reason = name == std::string("unknown")
                                     ? "tensor \"unknown\" is not part of the architecture"
                                     : "tensor \"" + std::string(name) + "\" has dtype " + type +
                                           "; weights can be F32, F16 or BF16";
      CHECK_THROWS_WITH(load_weights(directory.path()), contains(reason));
    }
  }
}

TEST_CASE("A head that is neither there nor tied is missing", "[load]") {
  const TemporaryDirectory directory;
  rewrite(directory, "llama", [](const std::string& name, auto&) {
    return name == "lm_head.weight" ? std::string() : name;
  });
  CHECK_THROWS_WITH(load_weights(directory.path()), contains("lm_head.weight is missing"));
}

namespace {

/// The tied checkpoint with a copy of its embedding as head, of type `type`, its last byte
/// different if `changed`.
void write_tied_with_head(const TemporaryDirectory& directory, const char* type, bool changed) {
  std::filesystem::copy_file(checkpoint("llama_tied") / "config.json",
                             directory.path() / "config.json");
  const SafetensorsModel file(checkpoint("llama_tied"));
  SafetensorsWriter writer;
  for (const TensorView& tensor : file.tensors()) {
    const std::string data(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
    writer.add(tensor.name, "F32", tensor.shape, data);
    if (tensor.name != "model.embed_tokens.weight") continue;
    std::string head = std::string_view(type) == "F32" ? data : data.substr(data.size() / 2);
    if (changed) head.back() = static_cast<char>(head.back() ^ 1);
    writer.add("lm_head.weight", type, tensor.shape, head);
  }
  writer.write(directory.path() / "model.safetensors");
}

/// Gemma 3 in bfloat16, its tensors under names without `prefix`.
ModelWeights load_gemma3_in_bfloat16(std::string_view prefix) {
  const TemporaryDirectory directory;
  const std::filesystem::path gemma3 = std::filesystem::path(TUTTI_TEST_DATA) / "families" /
                                       "gemma3";
  std::filesystem::copy_file(gemma3 / "config.json", directory.path() / "config.json");
  const SafetensorsModel file(gemma3);
  SafetensorsWriter writer;
  for (const TensorView& tensor : file.tensors()) {
    std::vector<float> values(tensor.bytes / sizeof(float));
    std::memcpy(values.data(), tensor.data, tensor.bytes);
    std::string data;
    for (const float value : values) data += raw_bytes(to_bfloat16(value));
    REQUIRE(tensor.name.starts_with(prefix));
    writer.add(tensor.name.substr(prefix.size()), "BF16", tensor.shape, data);
  }
  writer.write(directory.path() / "model.safetensors");
  return load_weights(directory.path());
}

}  // namespace

TEST_CASE("A head stored beside the embedding that it is tied to must equal it", "[load]") {
  const TemporaryDirectory same, bytes, type;
  write_tied_with_head(same, "F32", false);
  const ModelWeights tied = load_weights(same.path());
  CHECK(tied.head->weight.data == tied.embedding.weight.data);
  write_tied_with_head(bytes, "F32", true);
  CHECK_THROWS_AS(load_weights(bytes.path()), ModelError);
  CHECK_THROWS_WITH(load_weights(bytes.path()),
                    contains("tie_word_embeddings is true, but tensor lm_head.weight (F32 ["));
  CHECK_THROWS_WITH(load_weights(bytes.path()), contains("model.embed_tokens.weight (F32 ["));
  CHECK_THROWS_WITH(load_weights(bytes.path()),
                    contains("differ: remove lm_head.weight or set tie_word_embeddings to false"));
  write_tied_with_head(type, "BF16", false);
  CHECK_THROWS_WITH(load_weights(type.path()), contains("tensor lm_head.weight (BF16 ["));
}

TEST_CASE(
    "The embedding scale is rounded to the element type, whether or not names have their prefix",
    "[load]") {
  const ModelWeights whole = load_gemma3_in_bfloat16("");
  const ModelWeights base = load_gemma3_in_bfloat16("model.");
  CHECK(whole.config.embedding_scale == 5.65625F);  // the square root of 32 is 5.65685
  CHECK(base.config.embedding_scale == whole.config.embedding_scale);
}
