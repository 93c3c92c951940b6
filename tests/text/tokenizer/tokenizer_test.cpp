// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/tokenizer.hpp"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/base/error.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

using namespace tutti;

namespace {

using Tokens = std::vector<Token>;

AddedToken added(Token id, const std::string& text, bool special = false) {
  AddedToken token;
  token.id = id;
  token.text = text;
  token.special = special;
  return token;
}

/// a 0, b 1, space 2, "ab" 3, " ab" 4, half of é 5, the other half 6, <s> 7 and </s> 8 (special),
/// "a b" 9 (added).
TokenizerDefinition small_definition() {
  TokenizerDefinition definition;
  definition.source = "small";
  definition.tokens = {{"a"}, {"b"}, {"Ġ"},         {"ab"},         {"Ġab"},
                       {"Ã"}, {"©"}, {"<s>", true}, {"</s>", true}, {"a b", true}};
  definition.merges = {{"a", "b"}, {"Ġ", "ab"}};
  definition.added_tokens = {added(7, "<s>", true), added(8, "</s>", true), added(9, "a b")};
  definition.prefix = {7};
  definition.suffix = {8};
  definition.bos = 7;
  definition.eos = 8;
  definition.chat_template = "{{ messages }}";
  return definition;
}

}  // namespace

TEST_CASE("a text is cut, merged and put between its special tokens", "[text][tokenizer]") {
  const Tokenizer tokenizer(small_definition());
  CHECK(tokenizer.encode("ab abé") == Tokens{7, 3, 4, 5, 6, 8});
  CHECK(tokenizer.encode("ab ab", {.add_special = false}) == Tokens{3, 4});
  CHECK(tokenizer.encode("") == Tokens{7, 8});
}

TEST_CASE("special tokens in the text become their ids only where that is wanted",
          "[text][tokenizer]") {
  const Tokenizer tokenizer(small_definition());
  CHECK(tokenizer.encode("ab</s>ab", {.add_special = false}) == Tokens{3, 8, 3});
  // No token has < / s or >, so those bytes are dropped.
  CHECK(tokenizer.encode("ab</s>ab", {.parse_special = false, .add_special = false}) ==
        Tokens{3, 3});
  CHECK(tokenizer.encode("a b</s>", {.parse_special = false, .add_special = false}) == Tokens{9});
}

TEST_CASE("special tokens are not found in untrusted parts of a text", "[text][tokenizer]") {
  const Tokenizer tokenizer(small_definition());
  const auto encode = [&](std::string_view text, std::vector<ByteRange> untrusted) {
    return tokenizer.encode_partly_trusted(text, untrusted, {.add_special = false});
  };
  CHECK(encode("ab</s>ab", {}) == Tokens{3, 8, 3});
  CHECK(encode("ab</s>ab", {{2, 6}}) == Tokens{3, 3});
  CHECK(encode("ab</s>ab", {{0, 3}}) == Tokens{3, 3});  // one byte of it is enough
  CHECK(encode("ab</s>ab", {{0, 2}, {6, 8}}) == Tokens{3, 8, 3});
  CHECK(encode("</s></s></s>", {{4, 8}}) == Tokens{8, 8});
  CHECK(encode("a b", {{0, 3}}) == Tokens{9});  // an added token that is not special
  CHECK(encode("a b", {{1, 2}}) == Tokens{9});
  CHECK(tokenizer.encode_partly_trusted("ab", {}) == Tokens{7, 3, 8});
  CHECK_THROWS_AS(encode("\xFF", {}), OptionError);
}

TEST_CASE("untrusted parts are followed through the normalizer", "[text][tokenizer]") {
  TokenizerDefinition definition = small_definition();
  definition.added_tokens = {added(7, "<s>", true), added(8, "</s>", true)};
  for (AddedToken& token : definition.added_tokens) token.after_normalization = true;
  definition.normalizer = {ReplaceStep{"-", "aa"}};
  const Tokenizer tokenizer(definition);
  const auto encode = [&](std::string_view text, std::vector<ByteRange> untrusted) {
    return tokenizer.encode_partly_trusted(text, untrusted, {.add_special = false});
  };
  CHECK(encode("-</s>-</s>", {}) == Tokens{0, 0, 8, 0, 0, 8});
  CHECK(encode("-</s>-</s>", {{0, 5}}) == Tokens{0, 0, 0, 0, 8});
  CHECK(encode("-</s>-</s>", {{6, 10}}) == Tokens{0, 0, 8, 0, 0});
  CHECK(encode("-</s>-</s>", {{5, 6}}) == Tokens{0, 0, 8, 0, 0, 8});
}

TEST_CASE("an added token takes white space with it where it asks to", "[text][tokenizer]") {
  TokenizerDefinition definition = small_definition();
  definition.added_tokens[0].strip_left = true;
  definition.added_tokens[1].strip_right = true;
  const Tokenizer tokenizer(definition);
  CHECK(tokenizer.encode("b \n <s> b", {.add_special = false}) == Tokens{1, 7, 2, 1});
  CHECK(tokenizer.encode("b </s> \u3000b", {.add_special = false}) == Tokens{1, 2, 8, 1});
  // White space that the first token strips is not available to the second one, unless it is part
  // of that token.
  CHECK(tokenizer.encode("</s>  <s>", {.add_special = false}) == Tokens{8, 7});
  definition.tokens.push_back({"\n", true});
  definition.added_tokens.push_back(added(10, "\n"));
  CHECK(Tokenizer(definition).encode("</s> \na", {.add_special = false}) == Tokens{8, 10, 0});
}

TEST_CASE("tokens that match normalized text are searched for between the other matches",
          "[text][tokenizer]") {
  TokenizerDefinition definition = small_definition();
  definition.tokens.push_back({"b<s", true});
  definition.added_tokens.push_back(added(10, "b<s"));
  CHECK(Tokenizer(definition).encode("b<s>", {.add_special = false}) == Tokens{10});
  definition.added_tokens.back().after_normalization = true;
  CHECK(Tokenizer(definition).encode("b<s>", {.add_special = false}) == Tokens{1, 7});
}

TEST_CASE("a token that is found in normalized text is decoded to that text", "[text][tokenizer]") {
  // As Llama 2 with add_tokens: the normalizer makes "▁Quux" of "Quux".
  TokenizerDefinition definition;
  definition.model = TokenizerModel::character_bpe;
  definition.tokens = {{"▁"}, {"a"}, {"▁a"}, {"Quux", true}, {"<s>", true}};
  definition.merges = {{"▁", "a"}};
  definition.normalizer = {PrependStep{"▁"}, ReplaceStep{" ", "▁"}};
  definition.pre_tokenizer.clear();
  definition.decoder_replacements = {{"▁", " "}};
  definition.decoder_strips_spaces = 1;
  definition.added_tokens = {added(3, "Quux"), added(4, "<s>", true)};
  definition.added_tokens[0].after_normalization = true;
  const Tokenizer tokenizer(definition);
  CHECK(tokenizer.encode("Quux a Quux") == Tokens{3, 2, 3});
  CHECK(tokenizer.decode(Tokens{3, 2, 3}) == "Quux a Quux");
  CHECK(tokenizer.token_bytes(3) == " Quux");
  CHECK(tokenizer.find("Quux") == 3);
  CHECK(tokenizer.find(" Quux") == 3);
  // A special token found this way is not skipped: tokenizers compares the texts.
  definition.added_tokens[0].special = true;
  CHECK(Tokenizer(definition).decode(Tokens{2, 3}) == "a Quux");
  CHECK_FALSE(Tokenizer(definition).is_special(3));
}

TEST_CASE("an added token with single_word is found between other characters than letters",
          "[text][tokenizer]") {
  TokenizerDefinition definition = small_definition();
  definition.added_tokens[2].single_word = true;
  const Tokenizer tokenizer(definition);
  CHECK(tokenizer.encode("a b", {.add_special = false}) == Tokens{9});
  CHECK(tokenizer.encode("<s>a b</s>", {.add_special = false}) == Tokens{7, 9, 8});
  CHECK(tokenizer.encode("aa b", {.add_special = false}) == Tokens{0, 0, 2, 1});
  CHECK(tokenizer.encode("a bé", {.add_special = false}) == Tokens{0, 2, 1, 5, 6});
}

TEST_CASE("end tokens are EOS, those of the file and special end markers, each once",
          "[text][tokenizer]") {
  TokenizerDefinition definition = small_definition();
  definition.tokens.push_back({"<|eot_id|>", true});
  definition.added_tokens.push_back(added(10, "<|eot_id|>", true));
  definition.end_tokens = {3, 8, 3};
  CHECK(Tokenizer(definition).end_tokens() == Tokens{8, 3, 10});
  definition.end_tokens = {11};
  CHECK_THROWS_WITH(Tokenizer(definition), test::contains("an end token has id 11"));
}

TEST_CASE("a prefix space is added to every text between added tokens", "[text][tokenizer]") {
  TokenizerDefinition definition = small_definition();
  definition.pre_tokenizer = {PrefixSpaceStep{}, PreTokenizer::gpt2};
  const Tokenizer tokenizer(definition);
  CHECK(tokenizer.encode("ab<s>ab<s> ab", {.add_special = false}) == Tokens{4, 7, 4, 7, 4});
  CHECK(tokenizer.encode("", {.add_special = false}).empty());
}

TEST_CASE("decoding hides special tokens and replaces invalid UTF-8", "[text][tokenizer]") {
  const Tokenizer tokenizer(small_definition());
  CHECK(tokenizer.decode(Tokens{7, 3, 4, 5, 6, 9, 8}) == "ab abéa b");
  CHECK(tokenizer.decode(Tokens{7, 3, 8}, false) == "<s>ab</s>");
  CHECK(tokenizer.decode(Tokens{5}) == "\uFFFD");
  CHECK(tokenizer.decode(Tokens{5, 7, 6}) == "é");
  CHECK(tokenizer.decode(Tokens{}) == "");
}

TEST_CASE("tokens are known by number and by their bytes", "[text][tokenizer]") {
  const Tokenizer tokenizer(small_definition());
  CHECK(tokenizer.vocabulary_size() == 10);
  CHECK(tokenizer.token_bytes(4) == " ab");
  CHECK(tokenizer.token_bytes(5) == "\xC3");
  CHECK(tokenizer.token_bytes(8) == "</s>");
  CHECK(tokenizer.find(" ab") == 4);
  CHECK(tokenizer.find("</s>") == 8);
  CHECK_FALSE(tokenizer.find("Ġab").has_value());
  CHECK(tokenizer.is_special(7));
  CHECK_FALSE(tokenizer.is_special(9));
  CHECK(tokenizer.bos() == 7);
  CHECK(tokenizer.eos() == 8);
  CHECK(tokenizer.chat_template() == "{{ messages }}");
}

TEST_CASE("a token outside the vocabulary is refused with both numbers", "[text][tokenizer]") {
  const Tokenizer tokenizer(small_definition());
  CHECK_THROWS_AS(tokenizer.decode(Tokens{3, 10}), OptionError);
  CHECK_THROWS_WITH(tokenizer.decode(Tokens{10}),
                    test::contains("token 10 is not in the vocabulary of 10 tokens"));
  CHECK_THROWS_AS(tokenizer.decode(Tokens{-1}), OptionError);
  CHECK_THROWS_AS(tokenizer.token_bytes(-1), OptionError);
  CHECK_THROWS_AS(tokenizer.is_special(10), OptionError);
}

TEST_CASE("parts that do not fit each other are refused with the file's name",
          "[text][tokenizer]") {
  const auto broken = [](auto change) {
    TokenizerDefinition definition = small_definition();
    change(definition);
    return Tokenizer(definition);
  };
  using Definition = TokenizerDefinition;
  CHECK_THROWS_WITH(
      broken([](Definition& d) {
        d.merges.push_back({"b", "a"});
      }),
      test::contains(
          "small: merge 2, \"b\" with \"a\", names \"ba\", which is not among the 10 tokens"));
  CHECK_THROWS_WITH(broken([](Definition& d) {
                      d.merges.push_back({"<s>", "a"});
                    }),
                    test::contains("names \"<s>\""));
  CHECK_THROWS_WITH(broken([](Definition& d) {
                      d.merges.push_back({"a", "b"});
                    }),
                    test::contains("merges 0 and 2"));
  CHECK_THROWS_WITH(broken([](Definition& d) { d.tokens.push_back({"ab"}); }),
                    test::contains("tokens 3 and 10 have the same text"));
  CHECK_THROWS_AS(broken([](Definition& d) { d.added_tokens[0].id = 10; }), FormatError);
  CHECK_THROWS_WITH(broken([](Definition& d) { d.bos = 10; }),
                    test::contains("the BOS token has id 10, but the vocabulary has 10 tokens"));
  CHECK_THROWS_AS(broken([](Definition& d) { d.eos = -1; }), FormatError);
  CHECK_THROWS_AS(broken([](Definition& d) { d.prefix = {10}; }), FormatError);
  CHECK_THROWS_AS(broken([](Definition& d) { d.suffix = {-7}; }), FormatError);
  CHECK_THROWS_AS(broken([](Definition& d) { d.unknown = 10; }), FormatError);
}

TEST_CASE("an empty vocabulary encodes to nothing", "[text][tokenizer]") {
  const Tokenizer tokenizer(TokenizerDefinition{});
  CHECK(tokenizer.encode("text").empty());
  CHECK(tokenizer.vocabulary_size() == 0);
  CHECK_FALSE(tokenizer.bos().has_value());
}

TEST_CASE("copies, moved objects and threads encode alike", "[text][tokenizer]") {
  Tokenizer tokenizer(small_definition());
  const Tokenizer copy = tokenizer;
  const Tokenizer moved = std::move(tokenizer);
  CHECK(tokenizer.vocabulary_size() == 10);  // NOLINT(bugprone-use-after-move): moving copies
  std::vector<Tokens> results(4);
  std::vector<std::thread> threads;
  for (Tokens& result : results)
    threads.emplace_back([&moved, &result] { result = moved.encode("ab ab a b"); });
  for (std::thread& thread : threads) thread.join();
  for (const Tokens& result : results) CHECK(result == copy.encode("ab ab a b"));
}
