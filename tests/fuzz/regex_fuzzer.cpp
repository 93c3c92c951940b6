// SPDX-License-Identifier: Apache-2.0
// Input: a regular expression and, after a separator, a text that may match.
#include <string_view>

#include "tests/fuzz/fuzz_target.hpp"
#include "tests/fuzz/grammar_use.hpp"
#include "tutti/text/grammar/grammar.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  std::span<const std::byte> rest = input;
  const std::string_view grammar = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
  return tutti::fuzz::run(
      input, [&] { tutti::fuzz::use(tutti::Grammar::regex(grammar), tutti::fuzz::text_of(rest)); },
      tutti::fuzz::kGrammarMemory);
}
