// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/bpe/character_bpe.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/text/support.hpp"

using namespace tutti;
using tutti::test::vocabulary_of;

namespace {

using Tokens = std::vector<Token>;

Tokens encode(const CharacterBpe& bpe, std::string_view piece) {
  Tokens tokens;
  bpe.encode(piece, tokens);
  return tokens;
}

}  // namespace

TEST_CASE("characters are merged, not bytes", "[text][character_bpe]") {
  const CharacterBpe bpe(vocabulary_of({"é", "▁", "▁é", "éé"}),
                         std::vector<BpeMerge>{{0, 0, 3}, {1, 0, 2}}, {}, false);
  CHECK(encode(bpe, "▁ééé") == Tokens{1, 3, 0});
  CHECK(encode(bpe, "▁é") == Tokens{2});
  CHECK(encode(bpe, std::string(3000, ' ')).empty());
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "é";
  Tokens expected(500, 3);
  expected.push_back(0);
  CHECK(encode(bpe, text) == expected);
}

TEST_CASE("a character without a token becomes its bytes if all of them have tokens",
          "[text][character_bpe]") {
  const Vocabulary vocabulary = vocabulary_of({"a", "<0xC3>", "<0xA9>", "<0x62>", "?"});
  CHECK(encode(CharacterBpe(vocabulary, {}, {}, true), "aébc") == Tokens{0, 1, 2, 3});
  CHECK(encode(CharacterBpe(vocabulary, {}, {.unknown = 4}, true), "aèbc") == Tokens{0, 3, 4, 4});
  CHECK(encode(CharacterBpe(vocabulary, {}, {.unknown = 4}, false), "aéb") == Tokens{0, 4, 4});
}

TEST_CASE("byte tokens can be merged as any others", "[text][character_bpe]") {
  const CharacterBpe bpe(vocabulary_of({"<0xC3>", "<0xA9>", "<0xC3><0xA9>"}),
                         std::vector<BpeMerge>{{0, 1, 2}}, {}, true);
  CHECK(encode(bpe, "é") == Tokens{2});
}

TEST_CASE(
    "unknown characters are fused where asked, and wait for the next known one as in tokenizers",
    "[text][character_bpe]") {
  const Vocabulary vocabulary = vocabulary_of({"a", "?", "<0x62>"});
  CHECK(encode(CharacterBpe(vocabulary, {}, {.unknown = 1}, true), "xyazz") ==
        Tokens{1, 1, 0, 1, 1});
  CHECK(encode(CharacterBpe(vocabulary, {}, {.unknown = 1, .fuse_unknown = true}, true), "xyazz") ==
        Tokens{1, 0, 1});
  CHECK(encode(CharacterBpe(vocabulary, {}, {.unknown = 1, .fuse_unknown = true}, true), "xbya") ==
        Tokens{2, 1, 0});
}

TEST_CASE("ignore_merges takes a piece that is a token", "[text][character_bpe]") {
  const CharacterBpe bpe(vocabulary_of({"a", "b", "ab"}), {}, {.ignore_merges = true}, false);
  CHECK(encode(bpe, "ab") == Tokens{2});
  CHECK(encode(bpe, "aba") == Tokens{0, 1, 0});
  CHECK(encode(bpe, "").empty());
}
