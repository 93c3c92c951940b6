// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/detokenizer.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

/// One token for every byte of "a€👍" and one that is no UTF-8: a 0, E2 1, 82 2, AC 3, F0 4, 9F 5, 91 6, 8D 7, FF 8; <s> 9 is special.
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
