// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/bpe/byte_level_bpe.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/text/support.hpp"
#include "tutti/base/numeric/philox.hpp"

using namespace tutti;
using tutti::test::vocabulary_of;

namespace {

using Tokens = std::vector<Token>;

Tokens encode(const ByteLevelBpe& bpe, std::string_view piece) {
  Tokens tokens;
  bpe.encode(piece, tokens);
  return tokens;
}

/// The literal definition of BPE.
Tokens encode_slowly(Tokens symbols, const std::vector<BpeMerge>& merges) {
  for (bool merged = true; merged;) {
    merged = false;
    for (std::size_t rank = 0; rank < merges.size() && !merged; ++rank) {
      for (std::size_t i = 0; i + 1 < symbols.size() && !merged; ++i) {
        if (symbols[i] != merges[rank].left || symbols[i + 1] != merges[rank].right) continue;
        symbols[i] = merges[rank].merged;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        merged = true;
      }
    }
  }
  return symbols;
}

}  // namespace

TEST_CASE("the pair of lowest rank is merged first, wherever it stands", "[text][bpe]") {
  // tokens: a 0, b 1, c 2, ab 3, bc 4
  const ByteLevelBpe right_first(vocabulary_of({"a", "b", "c", "ab", "bc"}),
                                 std::vector<BpeMerge>{{1, 2, 4}, {0, 1, 3}}, {});
  CHECK(encode(right_first, "abc") == Tokens{0, 4});
  const ByteLevelBpe left_first(vocabulary_of({"a", "b", "c", "ab", "bc"}),
                                std::vector<BpeMerge>{{0, 1, 3}, {1, 2, 4}}, {});
  CHECK(encode(left_first, "abc") == Tokens{3, 2});
}

TEST_CASE("of equal pairs the leftmost is merged first", "[text][bpe]") {
  const ByteLevelBpe bpe(vocabulary_of({"a", "aa"}), std::vector<BpeMerge>{{0, 0, 1}}, {});
  CHECK(encode(bpe, "aaa") == Tokens{1, 0});
  CHECK(encode(bpe, std::string(65, 'a')) == [] {
    Tokens expected(32, 1);
    expected.push_back(0);
    return expected;
  }());
}

TEST_CASE("tokens are appended, and an empty piece adds none", "[text][bpe]") {
  const ByteLevelBpe bpe(vocabulary_of({"a", "b"}), {}, {});
  Tokens tokens{7};
  bpe.encode("", tokens);
  bpe.encode("ba", tokens);
  CHECK(tokens == Tokens{7, 1, 0});
}

TEST_CASE("short and long pieces are merged as the definition says", "[text][bpe]") {
  // Every pair of {a, b, c, aa, ab, ..., cc} that was drawn becomes a token, so that merges compete
  // in both directions.
  Vocabulary vocabulary = vocabulary_of({"a", "b", "c"});
  std::vector<BpeMerge> merges;
  for (std::uint32_t draw = 0; vocabulary.size() < 60; ++draw) {
    const PhiloxCounter random = philox4x32({draw, 0, 0, 0}, {1, 2});
    const auto left = static_cast<Token>(random[0] % vocabulary.size());
    const auto right = static_cast<Token>(random[1] % vocabulary.size());
    const std::string text = std::string(vocabulary.bytes(left)) +
                             std::string(vocabulary.bytes(right));
    if (text.size() > 6 || vocabulary.find(text)) continue;
    merges.push_back({left, right, static_cast<Token>(vocabulary.size())});
    vocabulary.add(text, true);
  }
  const ByteLevelBpe bpe(vocabulary, merges, {});
  for (std::uint32_t length = 0; length < 100; ++length) {
    Tokens bytes;
    std::string text;
    for (std::uint32_t i = 0; i < length; ++i) {
      bytes.push_back(static_cast<Token>(philox4x32({i, length, 1, 0}, {3, 4})[0] % 3));
      text += "abc"[bytes.back()];
    }
    INFO(text);
    REQUIRE(encode(bpe, text) == encode_slowly(bytes, merges));
  }
}

TEST_CASE("a piece of a million bytes without a cut is merged", "[text][bpe]") {
  const ByteLevelBpe bpe(vocabulary_of({"a", "aa", "aaaa"}),
                         std::vector<BpeMerge>{{0, 0, 1}, {1, 1, 2}}, {});
  CHECK(encode(bpe, std::string(1'000'000, 'a')) == Tokens(250'000, 2));
}

TEST_CASE("ignore_merges makes a piece one token where the vocabulary has it", "[text][bpe]") {
  const Vocabulary vocabulary = vocabulary_of({"a", "b", "ab"});
  CHECK(encode(ByteLevelBpe(vocabulary, {}, {}), "ab") == Tokens{0, 1});
  const ByteLevelBpe whole(vocabulary, {}, {.ignore_merges = true});
  CHECK(encode(whole, "ab") == Tokens{2});
  CHECK(encode(whole, "aba") == Tokens{0, 1, 0});
}

TEST_CASE("a byte without a token is dropped, or stands as the unknown token", "[text][bpe]") {
  const Vocabulary vocabulary = vocabulary_of({"a", "?", "aa"});
  const std::vector<BpeMerge> merges{{0, 0, 2}};
  CHECK(encode(ByteLevelBpe(vocabulary, merges, {}), "axya") == Tokens{2});
  CHECK(encode(ByteLevelBpe(vocabulary, merges, {.unknown = 1}), "axya") == Tokens{0, 1, 1, 0});
  CHECK(encode(ByteLevelBpe(vocabulary, merges, {.unknown = 1, .fuse_unknown = true}), "xyaxy") ==
        Tokens{1, 0, 1});
}

TEST_CASE("merges that contradict each other or leave the vocabulary are refused", "[text][bpe]") {
  const Vocabulary vocabulary = vocabulary_of({"a", "b", "ab"});
  CHECK_THROWS_AS(ByteLevelBpe(vocabulary, std::vector<BpeMerge>{{0, 1, 2}, {0, 1, 2}}, {}),
                  FormatError);
  CHECK_THROWS_WITH(ByteLevelBpe(vocabulary, std::vector<BpeMerge>{{0, 1, 3}}, {}),
                    test::contains("token 3, the vocabulary has 3"));
  CHECK_THROWS_AS(ByteLevelBpe(vocabulary, {}, {.unknown = -1}), OptionError);
}
