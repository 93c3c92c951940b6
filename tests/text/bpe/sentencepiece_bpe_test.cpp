// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/bpe/sentencepiece_bpe.hpp"

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

using Tokens = std::vector<Token>;

SentencePieceBpe bpe_of(const std::vector<std::pair<std::string, float>>& pieces,
                        const Tokens& unused = {}, std::optional<Token> unknown = {}) {
  Vocabulary vocabulary;
  SentencePieceBpe::Options options;
  for (const auto& [text, score] : pieces) {
    vocabulary.add(text, true);
    options.scores.push_back(score);
  }
  options.unused.resize(pieces.size());
  for (const Token token : unused) options.unused[static_cast<std::size_t>(token)] = true;
  options.unknown = unknown;
  return {vocabulary, options};
}

Tokens encode(const SentencePieceBpe& bpe, std::string_view text) {
  Tokens tokens;
  bpe.encode(text, tokens);
  return tokens;
}

}  // namespace

TEST_CASE("the pair whose joined text has the highest score is joined first",
          "[text][sentencepiece]") {
  CHECK(encode(bpe_of({{"a", 0}, {"b", 0}, {"c", 0}, {"ab", -2}, {"bc", -1}}), "abc") ==
        Tokens{0, 4});
  CHECK(encode(bpe_of({{"a", 0}, {"b", 0}, {"c", 0}, {"ab", -1}, {"bc", -2}}), "abc") ==
        Tokens{3, 2});
}

TEST_CASE("of equal scores the leftmost pair is joined first", "[text][sentencepiece]") {
  const SentencePieceBpe bpe = bpe_of({{"a", 0}, {"b", 0}, {"ab", -1}, {"ba", -1}});
  CHECK(encode(bpe, "aba") == Tokens{2, 0});
  CHECK(encode(bpe, "bab") == Tokens{3, 1});
  CHECK(encode(bpe_of({{"é", 0}, {"éé", -1}}), "ééé") == Tokens{1, 0});
}

TEST_CASE("characters that are no tokens can be joined to one", "[text][sentencepiece]") {
  CHECK(encode(bpe_of({{"xy", -1}, {"xyz", -2}}), "xyz") == Tokens{1});
}

TEST_CASE("an unused token is taken apart again", "[text][sentencepiece]") {
  // "ab" is only an intermediate step to "abc"; where that merge fails, it is split again.
  const SentencePieceBpe bpe = bpe_of({{"a", 0}, {"b", 0}, {"c", 0}, {"ab", -1}, {"abc", -2}}, {3});
  CHECK(encode(bpe, "abc") == Tokens{4});
  CHECK(encode(bpe, "abab") == Tokens{0, 1, 0, 1});
  // A single character has no parts.
  CHECK(encode(bpe_of({{"a", 0}}, {0}), "a") == Tokens{0});
}

TEST_CASE("a character without a token becomes bytes, else the unknown token, else nothing",
          "[text][sentencepiece]") {
  CHECK(encode(bpe_of({{"a", 0}}), "aéa") == Tokens{0, 0});
  CHECK(encode(bpe_of({{"a", 0}, {"?", 0}}, {}, 1), "aéa") == Tokens{0, 1, 0});
  Vocabulary vocabulary;
  for (const char* text : {"a", "<0xC3>", "<0xA9>"}) vocabulary.add(text, text[1] == '\0');
  SentencePieceBpe::Options options;
  options.scores = {0, 0, 0};
  options.unused.resize(3);
  options.byte_tokens.set(0xC3, 1);
  options.byte_tokens.set(0xA9, 2);
  CHECK(encode(SentencePieceBpe(vocabulary, options), "aé") == Tokens{0, 1, 2});
}

TEST_CASE("a text of a million characters is joined", "[text][sentencepiece]") {
  CHECK(encode(bpe_of({{"a", 0}, {"aa", -1}, {"aaaa", -2}}), std::string(1'000'000, 'a')) ==
        Tokens(250'000, 2));
  CHECK(encode(bpe_of({{"a", 0}}), "").empty());
}

TEST_CASE("scores that are missing or no numbers are refused", "[text][sentencepiece]") {
  CHECK_THROWS_WITH(bpe_of({{"a", 0}, {"b", std::numeric_limits<float>::quiet_NaN()}}),
                    test::contains("the score of token 1"));
  Vocabulary vocabulary;
  vocabulary.add("a", true);
  CHECK_THROWS_WITH(SentencePieceBpe(vocabulary, {}),
                    test::contains("0 scores and 0 types for 1 tokens"));
}
