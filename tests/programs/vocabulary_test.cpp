// SPDX-License-Identifier: Apache-2.0
#include "programs/vocabulary.hpp"

#include <map>
#include <string>
#include <vector>

#include "programs/generator.hpp"
#include "tests/programs/support.hpp"
#include "tests/support/catch.hpp"

using namespace programs;
using tutti::test::kTexts;

namespace {

/// Tokens by their texts. A digit may be a number or a character and a letter a character or a
/// variable: here numbers, and variables in programs of lists.
std::vector<tutti::Token> tokens_of(const std::vector<std::string>& texts, Language language) {
  std::map<std::string, tutti::Token> by_text;
  for (std::size_t i = 0; i < kVocabularySize; ++i) {
    const auto token = static_cast<tutti::Token>(i);
    if (language == Language::list && programs::detail::kVariableTokens.contains(token))
      by_text[token_text(token)] = token;
    by_text.emplace(token_text(token), token);
  }
  std::vector<tutti::Token> tokens;
  for (const std::string& text : texts) tokens.push_back(by_text.at(text));
  return tokens;
}

std::string joined(const std::vector<tutti::Token>& tokens) {
  std::string text;
  for (const tutti::Token token : tokens) text += (text.empty() ? "" : " ") + token_text(token);
  return text;
}

const Signature kLists{{Type::number, Type::list}, Type::list};

std::string error_of(const Signature& signature, const std::vector<std::string>& texts,
                     const Limits& limits = {}) {
  const ParsedProgram parsed = parse_program(signature, tokens_of(texts, signature.language()),
                                             limits);
  CHECK(parsed.program.has_value() == parsed.error.empty());
  return parsed.error;
}

}  // namespace

TEST_CASE("the vocabulary is as models were trained with") {
  CHECK(kVocabularySize == 653);
  CHECK(token_text(0) == "-256");
  CHECK(token_text(511) == "255");
  CHECK(joined({kBeginToken, kEndToken, kPadToken, kProgramToken, kEqualsToken, kSeparatorToken}) ==
        "BEGIN END PAD PROGRAM = ;");
  CHECK(token_text(521) == "\u2423");
  CHECK(token_text(652) == "f");
  CHECK(token_text(653) == "?");
  CHECK(token_text(-1) == "?");
  for (std::size_t i = 0; i < kVocabularySize; ++i)
    CHECK(!token_text(static_cast<tutti::Token>(i)).empty());
}

TEST_CASE("a prompt shows the examples, a program follows") {
  Problem problem;
  problem.signature = kLists;
  problem.shown = {{{1, List{3, -2}}, List{3}}, {{0, List{}}, List{}}};
  problem.solution = {kLists, {{26, Modifier::none, {0, 1}}}};
  CHECK(joined(encode_prompt(problem)) ==
        "BEGIN number 1 list 3 -2 = list 3 ; number 0 list = list ; PROGRAM");
  CHECK(joined(encode_program(problem.solution)) == "TAKE a b END");

  problem.signature = kTexts;
  problem.shown = {{{std::string("a B")}, std::string("b.")}};
  problem.solution = {kTexts, {{0, Modifier::lower, {-1, 0}}, {9, Modifier::none, {'.', 0}}}};
  CHECK(joined(encode_prompt(problem)) == "BEGIN text a \u2423 B = text b . ; PROGRAM");
  CHECK(joined(encode_program(problem.solution)) == "LOWER WORD -1 CONST . END");
}

TEST_CASE(
    "programs of both languages come back from their tokens, with the end token and without") {
  for (const Problem& problem : make_problems(Split::training, 3, 600)) {
    std::vector<tutti::Token> tokens = encode_program(problem.solution);
    CAPTURE(joined(tokens));
    CHECK(parse_program(problem.signature, tokens).program == problem.solution);
    tokens.pop_back();
    CHECK(parse_program(problem.signature, tokens).program == problem.solution);
  }
}

TEST_CASE("every expression of the string language comes back from its tokens") {
  for (const Statement& statement : all_expressions()) {
    const Program program{kTexts, {statement}};
    REQUIRE(parse_program(kTexts, encode_program(program)).program == program);
  }
}

TEST_CASE("an invalid program is refused with its first invalid token") {
  CHECK(error_of(kLists, {"TAKE", "a", "b"}).empty());
  CHECK(error_of(kLists, {}) == "no statement");
  CHECK(error_of(kLists, {"END"}) == "no statement");
  CHECK(error_of(kLists, {"TAKE", "a"}) == "token 2 cannot be the end");
  CHECK(error_of(kLists, {"TAKE", "b", "a"}) == "token 1 cannot be b");
  CHECK(error_of(kLists, {"SORT", "c"}) == "token 1 cannot be c");
  CHECK(error_of(kLists, {"SORT", "b", "REVERSE", "d"}) == "token 3 cannot be d");
  CHECK(error_of(kLists, {"SORT", "b", "REVERSE", "c"}).empty());
  CHECK(error_of(kLists, {"SUM", "b"}) == "the result has another type than the outputs");
  CHECK(error_of(kLists, {"SORT", "b", "END", "END"}) == "token 2 cannot be END");
  CHECK(error_of(kLists, {"SORT", "b", "END", "SORT", "b"}) == "token 2 cannot be END");
  CHECK(error_of(kLists, {"3"}) == "token 0 cannot be 3");
  CHECK(error_of(kLists, {"WORD", "1"}) == "token 0 cannot be WORD");
  CHECK(error_of(kTexts, {"SORT", "a"}) == "token 0 cannot be SORT");
  CHECK(error_of(kTexts, {"UPPER", "UPPER", "TEXT"}) == "token 1 cannot be UPPER");
  CHECK(error_of(kTexts, {"WORD", "0"}) == "token 1 cannot be 0");
  CHECK(error_of(kTexts, {"WORD", "4"}) == "token 1 cannot be 4");
  CHECK(error_of(kTexts, {"SUBSTR", "1", "-10"}) == "token 2 cannot be -10");
  CHECK(error_of(kTexts, {"UPTO", "x"}) == "token 1 cannot be x");
  CHECK(error_of(kTexts, {"CONST", "x"}).empty());
}

TEST_CASE("programs are limited in statements and tokens") {
  std::vector<std::string> texts;
  for (int i = 0; i < 4; ++i) texts.insert(texts.end(), {"REVERSE", "b"});
  CHECK(error_of(kLists, texts).empty());
  texts.insert(texts.end(), {"REVERSE", "b"});
  CHECK(error_of(kLists, texts) == "more than 4 statements");
  CHECK(error_of(kLists, texts, {.statements = 5}).empty());
  CHECK(error_of(kLists, texts, {.statements = 5, .tokens = 9}) == "10 tokens, more than 9");
}

TEST_CASE("the codec writes tokens with spaces between them and ends with the end token") {
  const tutti::TextCodec codec = program_codec();
  std::string text;
  for (const tutti::Token token : tokens_of({"UPPER", "WORD", "1", "END", "PAD"}, Language::string))
    text += codec.token_bytes(token);
  CHECK(text == "UPPER WORD 1 ");
  CHECK(codec.end_of_text == std::vector<tutti::Token>{kEndToken});
}
