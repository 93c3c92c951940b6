// SPDX-License-Identifier: Apache-2.0
// Input: one GGUF file. Its metadata, tensors, dequantized values, configuration, weights and
// tokenizer are read.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/gguf/gguf_config.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/formats/quantized/dequantize.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/transformer/weights/load.hpp"

namespace {

/// One part of the file may be refused and another read all the same.
template <class Read>
void attempt(Read read) {
  try {
    read();
  } catch (const tutti::Error& error) {
    tutti::fuzz::check_message(error.what());
  }
}

void dequantize_all(const tutti::GgufFile& file) {
  for (const tutti::TensorView& tensor : file.tensors()) {
    tutti::fuzz::touch({tensor.data, tensor.bytes});
    const std::size_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    std::vector<float> row(columns);
    for (std::size_t at = 0; at < tensor.bytes; at += tutti::row_bytes(tensor.type, columns)) {
      tutti::dequantize_row(tensor.type, tensor.data + at, columns, row.data());
    }
  }
}

void use(const tutti::Tokenizer& tokenizer) {
  const std::vector<tutti::Token> tokens = tokenizer.encode("Hello <|im_start|> 12 w\xC3\xB6rld\n");
  (void)tokenizer.decode(tokens, false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  return tutti::fuzz::run(input, [&] {
    const tutti::GgufFile file(input, "fuzzed.gguf");
    dequantize_all(file);
    attempt([&] { use(tutti::Tokenizer::from_gguf(file)); });
    (void)tutti::read_gguf_config(file);
    // Weights are loaded from a path, and only what has a sound configuration comes this far.
    static const tutti::test::TemporaryDirectory directory;
    (void)tutti::load_weights(directory.write("fuzzed.gguf", tutti::fuzz::text_of(input)));
  });
}
