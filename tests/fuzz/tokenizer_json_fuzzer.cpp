// SPDX-License-Identifier: Apache-2.0
// Input: tokenizer.json and, each behind a separator, optionally tokenizer_config.json and a text
// to encode.
#include <filesystem>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace {

void use(const tutti::Tokenizer& tokenizer, std::string_view text) {
  for (const std::string_view sample :
       {text.substr(0, 256), std::string_view("Hello <|im_start|>  12 w\xC3\xB6rld\n")}) {
    const std::vector<tutti::Token> tokens = tokenizer.encode(sample);
    (void)tokenizer.decode(tokens);
    for (const tutti::Token token : tokens) (void)tokenizer.token_bytes(token);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  std::span<const std::byte> rest = input;
  const std::string_view tokenizer = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
  const std::string_view config = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
  static const tutti::test::TemporaryDirectory directory;
  const std::filesystem::path path = directory.write("tokenizer.json", tokenizer);
  if (config.empty()) {
    std::filesystem::remove(directory.path() / "tokenizer_config.json");
  } else {
    directory.write("tokenizer_config.json", config);
  }
  return tutti::fuzz::run(
      input, [&] { use(tutti::Tokenizer::from_hf(path), tutti::fuzz::text_of(rest)); });
}
