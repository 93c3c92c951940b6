// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/streaming_decoder.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

/// ▁ 0, ▁a 1, <0xF0> to <0x8D> of 👍 2 to 5, <s> 6 (special): decoded without the first space.
Tokenizer sentencepiece_tokenizer() {
  TokenizerDefinition definition;
  definition.model = TokenizerModel::character_bpe;
  definition.tokens = {{"▁"},      {"▁a"},     {"<0xF0>"},   {"<0x9F>"},
                       {"<0x91>"}, {"<0x8D>"}, {"<s>", true}};
  definition.decoder_replacements = {{"▁", " "}};
  definition.decode_byte_tokens = true;
  definition.decoder_strips_spaces = 1;
  AddedToken special;
  special.id = 6;
  special.text = "<s>";
  special.special = true;
  definition.added_tokens = {special};
  return Tokenizer(definition);
}

/// One token for every byte of "a€👍" and one that is no UTF-8: a 0, E2 1, 82 2, AC 3, F0 4, 9F 5,
/// 91 6, 8D 7, FF 8; <s> 9 is special.
Tokenizer byte_tokenizer() {
  TokenizerDefinition definition;
  for (const char* byte : {"a", "\xE2", "\x82", "\xAC", "\xF0", "\x9F", "\x91", "\x8D", "\xFF"}) {
    definition.tokens.push_back({to_byte_alphabet(byte)});
  }
  definition.tokens.push_back({"<s>", true});
  AddedToken special;
  special.id = 9;
  special.text = "<s>";
  special.special = true;
  definition.added_tokens = {special};
  return Tokenizer(definition);
}

}  // namespace

TEST_CASE("half a code point waits for the rest", "[text][detokenizer]") {
  const Tokenizer tokenizer = byte_tokenizer();
  StreamingDecoder stream(tokenizer);
  CHECK(stream.push(0) == "a");
  CHECK(stream.push(1) == "");
  CHECK(stream.push(2) == "");
  CHECK(stream.push(3) == "€");
  for (const Token token : {4, 5, 6}) CHECK(stream.push(token) == "");
  CHECK(stream.push(7) == "👍");
  CHECK(stream.flush() == "");
}

TEST_CASE("what never becomes whole is replaced, at once or at the end", "[text][detokenizer]") {
  const Tokenizer tokenizer = byte_tokenizer();
  StreamingDecoder stream(tokenizer);
  CHECK(stream.push(8) == "\uFFFD");
  CHECK(stream.push(1) == "");
  CHECK(stream.push(0) == "\uFFFDa");
  CHECK(stream.push(1) == "");
  CHECK(stream.push(2) == "");
  CHECK(stream.flush() == "\uFFFD");
  CHECK(stream.flush() == "");
  CHECK(stream.push(0) == "a");
}

TEST_CASE("special tokens are hidden unless asked for", "[text][detokenizer]") {
  const Tokenizer tokenizer = byte_tokenizer();
  StreamingDecoder hiding(tokenizer);
  CHECK(hiding.push(1) == "");
  CHECK(hiding.push(9) == "");
  CHECK(hiding.push(2) == "");
  CHECK(hiding.push(3) == "€");
  StreamingDecoder showing(tokenizer, false);
  CHECK(showing.push(9) == "<s>");
}

TEST_CASE("a token outside the vocabulary leaves the stream as it was", "[text][detokenizer]") {
  const Tokenizer tokenizer = byte_tokenizer();
  StreamingDecoder stream(tokenizer);
  CHECK(stream.push(1) == "");
  CHECK_THROWS_AS(stream.push(10), OptionError);
  CHECK(stream.push(2) == "");
  CHECK(stream.push(3) == "€");
}

TEST_CASE("byte tokens wait for the code point that they make together", "[text][detokenizer]") {
  const Tokenizer tokenizer = sentencepiece_tokenizer();
  StreamingDecoder stream(tokenizer);
  CHECK(stream.push(2) == "");
  CHECK(stream.push(3) == "");
  CHECK(stream.push(6) == "");
  CHECK(stream.push(4) == "");
  CHECK(stream.push(5) == "👍");
  CHECK(stream.push(2) == "");
  CHECK(stream.push(1) == "\uFFFD a");
}

TEST_CASE("the space at the beginning of every text is left out", "[text][detokenizer]") {
  const Tokenizer tokenizer = sentencepiece_tokenizer();
  StreamingDecoder stream(tokenizer);
  CHECK(stream.push(6) == "");
  CHECK(stream.push(1) == "a");
  CHECK(stream.push(1) == " a");
  CHECK(stream.flush() == "");
  CHECK(stream.push(0) == "");
  CHECK(stream.push(1) == " a");
  StreamingDecoder showing(tokenizer, false);
  CHECK(showing.push(6) == "<s>");
  CHECK(showing.push(1) == " a");
}
