// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of structured output share: vocabularies, and texts drawn through masks.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/grammar/token_masks.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti::test {

inline const std::string kGrammarData = std::string(TUTTI_TEST_DATA) + "/text/grammar/";

/// Every single byte, then `more`, then the end token.
inline TokenTrie byte_vocabulary(const std::vector<std::string>& more = {}) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.insert(tokens.end(), more.begin(), more.end());
  tokens.emplace_back();
  const Token end[] = {static_cast<Token>(tokens.size() - 1)};
  return TokenTrie(tokens, end);
}

/// The vocabulary of the downloaded model, or nothing when it is absent.
inline std::optional<TokenTrie> smollm2_vocabulary() {
  const std::filesystem::path path = TUTTI_MODEL_DIR "/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return TokenTrie(Tokenizer::from_gguf(GgufFile(path)));
}

/// The text that a random walk through the masks writes. After some tokens it prefers those that
/// close what is open.
/// @returns nothing when it has not ended after 2000 tokens.
inline std::optional<std::string> draw_text(const TokenMasks& masks, std::uint32_t seed) {
  std::mt19937 random(seed);
  const TokenTrie& vocabulary = masks.vocabulary();
  const std::size_t patience = 1 + random() % 60;
  std::string text;
  GrammarState state = masks.start();
  for (std::size_t step = 0; step < 2000; ++step) {
    const auto mask = state.allowed();
    std::vector<Token> allowed;
    std::vector<Token> short_ones;
    std::vector<Token> closing;
    for (std::size_t word = 0; word < mask->words.size(); ++word) {
      for (std::uint64_t bits = mask->words[word]; bits != 0; bits &= bits - 1) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
        const auto token = static_cast<Token>(64 * word + bit);
        allowed.push_back(token);
        const std::string_view bytes = vocabulary.token_bytes(token);
        if (bytes.size() == 1) short_ones.push_back(token);
        // Within a string, brackets close nothing.
        const bool is_bracket = (bytes == "}" || bytes == "]") && mask->count < 1000;
        if (is_bracket || (bytes == "\"" && closing.empty())) closing.push_back(token);
      }
    }
    REQUIRE(!allowed.empty());
    REQUIRE(allowed.size() == mask->count);
    const bool hurry = step > patience;
    const std::vector<Token>& from = !closing.empty() && random() % (hurry ? 2 : 6) == 0 ? closing
                                     : hurry && !short_ones.empty() ? short_ones
                                                                    : allowed;
    Token token = from[random() % from.size()];
    if (hurry && state.may_end()) token = vocabulary.end_tokens()[0];
    state.advance(token);
    if (state.has_ended()) return text;
    text += vocabulary.token_bytes(token);
  }
  return std::nullopt;
}

}  // namespace tutti::test
