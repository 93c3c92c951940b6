// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the fuzz targets of structured output do with a grammar that was read.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"
#include "tutti/text/grammar/token_masks.hpp"

namespace tutti::fuzz {

/// Set by the limits on expressions, nodes and the work of a mask rather than by the input: a few
/// bytes such as `.{9999}` mean a large grammar.
inline constexpr MemoryAllowed kGrammarMemory{1024, std::size_t{192} << 20};

/// Follows `text`, then draws a short text through the masks, which must be one that matches.
inline void use(const Grammar& grammar, std::string_view text) {
  static const TokenTrie vocabulary = [] {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* more : {"\":\"", "\",\"", "{\"", "\"}", "}}", "[[", "],", "aa", "ab", "the",
                             " a", "12", "true", "null", "\xC3\xA9", "\xE6\xBC", "\\u00", "0000"})
      tokens.emplace_back(more);
    tokens.emplace_back();
    const Token end[] = {static_cast<Token>(tokens.size() - 1)};
    return TokenTrie(tokens, end);
  }();
  static_cast<void>(grammar.matches(text.substr(0, 256)));
  GrammarState state = TokenMasks(grammar, vocabulary).start();
  std::string drawn;
  std::uint32_t random = 1;
  for (int step = 0; step < 40; ++step) {
    const auto mask = state.allowed();
    if (mask->count == 0) {
      // Every byte is a token, so what has begun can go on, but for the limits.
      if (!state.reached_limit()) report("tokens that are allowed", 0, 1);
      return;
    }
    random = random * 1664525U + 1013904223U;
    std::size_t skip = (random >> 8) % mask->count;
    Token token = 0;
    while (!mask->contains(token) || skip-- > 0) ++token;
    state.advance(token);
    if (state.has_ended()) {
      if (!grammar.matches(drawn)) report("drawn text that does not match", drawn.size(), 0);
      return;
    }
    drawn += vocabulary.token_bytes(token);
  }
}

}  // namespace tutti::fuzz
