// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/pre_tokenizer/pre_tokenizer.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

using Pieces = std::vector<std::string_view>;

constexpr PreTokenizer kAll[] = {PreTokenizer::gpt2, PreTokenizer::llama3, PreTokenizer::qwen2,
                                 PreTokenizer::smollm};

}  // namespace

TEST_CASE("a word takes the space before it", "[text][pre_tokenizer]") {
  for (const PreTokenizer kind : kAll)
    CHECK(split("Hello big world", kind) == Pieces{"Hello", " big", " world"});
}

TEST_CASE("a run of white space leaves its last character to the word after it",
          "[text][pre_tokenizer]") {
  for (const PreTokenizer kind : kAll) {
    CHECK(split("a   b", kind) == Pieces{"a", "  ", " b"});
    CHECK(split("a   ", kind) == Pieces{"a", "   "});
    CHECK(split("  ", kind) == Pieces{"  "});
  }
  // In GPT-2 only a space is joined to the following word; in the others any single character is.
  CHECK(split("a\t\tb", PreTokenizer::gpt2) == Pieces{"a", "\t", "\t", "b"});
  CHECK(split("a\t\tb", PreTokenizer::llama3) == Pieces{"a", "\t", "\tb"});
  CHECK(split("a\u3000b", PreTokenizer::gpt2) == Pieces{"a", "\u3000", "b"});
  CHECK(split("a\u3000b", PreTokenizer::qwen2) == Pieces{"a", "\u3000b"});
}

TEST_CASE("newlines end a piece in Llama 3 and Qwen2 and are plain white space in GPT-2",
          "[text][pre_tokenizer]") {
  CHECK(split("a \n\n  b", PreTokenizer::llama3) == Pieces{"a", " \n\n", " ", " b"});
  CHECK(split("a \n\n  b", PreTokenizer::gpt2) == Pieces{"a", " \n\n ", " b"});
  CHECK(split("a;\r\nb", PreTokenizer::qwen2) == Pieces{"a", ";\r\n", "b"});
  CHECK(split("a;\r\nb", PreTokenizer::gpt2) == Pieces{"a", ";", "\r", "\n", "b"});
  CHECK(split("\nb", PreTokenizer::llama3) == Pieces{"\n", "b"});
}

TEST_CASE("numbers are cut at three digits, one, or not at all", "[text][pre_tokenizer]") {
  CHECK(split("in 12345½", PreTokenizer::gpt2) == Pieces{"in", " 12345½"});
  CHECK(split("in 12345½", PreTokenizer::llama3) == Pieces{"in", " ", "123", "45½"});
  CHECK(split("in 123", PreTokenizer::qwen2) == Pieces{"in", " ", "1", "2", "3"});
  CHECK(split("in 123", PreTokenizer::smollm) == Pieces{"in", " ", "1", "2", "3"});
}

TEST_CASE("SmolLM sees the text between two digits as a text of its own", "[text][pre_tokenizer]") {
  CHECK(split("1  2", PreTokenizer::smollm) == Pieces{"1", "  ", "2"});
  CHECK(split("1  2", PreTokenizer::gpt2) == Pieces{"1", " ", " 2"});
  // Digits of Unicode 17, which tokenizers' Digits knows and \p{N} does not yet.
  CHECK(split("\U00011DE0\U00011DE1", PreTokenizer::smollm) == Pieces{"\U00011DE0", "\U00011DE1"});
  CHECK(split("\U00011DE0\U00011DE1", PreTokenizer::gpt2) == Pieces{"\U00011DE0\U00011DE1"});
}

TEST_CASE("contractions are cut off, in capitals only by Llama 3 and Qwen2",
          "[text][pre_tokenizer]") {
  for (const PreTokenizer kind : kAll) {
    CHECK(split("I'm you'll he's we've they're I'd don't", kind) ==
          Pieces{"I", "'m", " you", "'ll", " he", "'s", " we", "'ve", " they", "'re", " I", "'d",
                 " don", "'t"});
  }
  CHECK(split("WE'LL", PreTokenizer::llama3) == Pieces{"WE", "'LL"});
  CHECK(split("WE'LL", PreTokenizer::gpt2) == Pieces{"WE", "'", "LL"});
  CHECK(split("x'lm", PreTokenizer::gpt2) == Pieces{"x", "'", "lm"});
  CHECK(split("x'lm", PreTokenizer::llama3) == Pieces{"x", "'lm"});
  CHECK(split("'\u017Fa", PreTokenizer::qwen2) ==
        Pieces{"'\u017F", "a"});  // the long s is an s to (?i:'s)
  CHECK(split("'", PreTokenizer::llama3) == Pieces{"'"});
  CHECK(split("'r", PreTokenizer::gpt2) == Pieces{"'", "r"});
}

TEST_CASE("symbols stay together and take a space before them", "[text][pre_tokenizer]") {
  for (const PreTokenizer kind : kAll)
    CHECK(split("a != 👍🏽\u0301", kind) == Pieces{"a", " !=", " 👍🏽\u0301"});
  CHECK(split("(a)", PreTokenizer::gpt2) == Pieces{"(", "a", ")"});
  CHECK(split("(a)", PreTokenizer::llama3) == Pieces{"(a", ")"});
}

TEST_CASE("joined pieces are the text, whatever its bytes", "[text][pre_tokenizer]") {
  std::string text;
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x20, 0x80, 0xBF, 0xE2, first})
      (text += static_cast<char>(first)) += static_cast<char>(second);
  }
  for (const PreTokenizer kind : kAll) {
    std::string joined;
    for (const std::string_view piece : split(text, kind)) {
      REQUIRE_FALSE(piece.empty());
      joined += piece;
    }
    CHECK(joined == text);
    CHECK(split("", kind).empty());
  }
}
