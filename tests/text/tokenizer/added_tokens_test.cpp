// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/added_tokens.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

AddedTokens tokens_of(const std::vector<std::string>& texts) {
  std::vector<AddedToken> tokens;
  for (const std::string& text : texts) {
    AddedToken token;
    token.id = static_cast<Token>(tokens.size());
    token.text = text;
    tokens.push_back(token);
  }
  return AddedTokens(tokens);
}

/// "id@begin-end" of all matches in `text`.
std::string matches(const AddedTokens& tokens, std::string_view text) {
  std::string all;
  std::size_t from = 0;
  while (const auto match = tokens.find_next(text, from)) {
    from = match->end;
    all += (all.empty() ? "" : " ") + std::to_string(match->token->id) + "@" +
           std::to_string(match->begin) + "-" + std::to_string(match->end);
  }
  return all;
}

}  // namespace

TEST_CASE("the leftmost match wins, and there the longest", "[text][added_tokens]") {
  const AddedTokens tokens = tokens_of({"<a>", "<a", "a>b", "<a>b<"});
  CHECK(matches(tokens, "x<a>b<") == "3@1-6");
  CHECK(matches(tokens, "x<a>b") == "0@1-4");
  CHECK(matches(tokens, "<a <a>") == "1@0-2 0@3-6");
  CHECK(matches(tokens, "a>b") == "2@0-3");
  CHECK(matches(tokens, "<") == "");
}

TEST_CASE("a longer token that does not come through leaves the shorter one",
          "[text][added_tokens]") {
  const AddedTokens tokens = tokens_of({"a", "abcd", "abce"});
  CHECK(matches(tokens, "abcf") == "0@0-1");
  CHECK(matches(tokens, "abceabc") == "2@0-4 0@4-5");
}

TEST_CASE("tokens of any bytes are found", "[text][added_tokens]") {
  const AddedTokens tokens = tokens_of({"日本", "日", "\xFF", std::string("\0", 1)});
  CHECK(matches(tokens, "a日本日\xFF") == "0@1-7 1@7-10 2@10-11");
  CHECK(matches(tokens, std::string_view("\0", 1)) == "3@0-1");
}

TEST_CASE("no tokens match nothing", "[text][added_tokens]") {
  CHECK(matches(AddedTokens(), "text") == "");
}

TEST_CASE("a token without a text is not found, and of two with the same text the first is",
          "[text][added_tokens]") {
  CHECK(matches(tokens_of({"", "x"}), "axb") == "1@1-2");
  CHECK(matches(tokens_of({"xy", "x", "xy", "x"}), "xyx") == "0@0-2 1@2-3");
  CHECK(matches(tokens_of({""}), "a") == "");
}

TEST_CASE("a single word has no letter, mark, digit or connector next to it",
          "[text][added_tokens]") {
  const auto is_single = [](const std::string& before, const std::string& after) {
    return detail::is_single_word(before + "word" + after, before.size(), before.size() + 4);
  };
  CHECK(is_single("", ""));
  CHECK(is_single(" ", "."));
  CHECK(is_single("-", "\u3000"));
  CHECK(is_single("\u00BD", "\u20AC"));  // a fraction is not a decimal digit
  CHECK_FALSE(is_single("a", ""));
  CHECK_FALSE(is_single("", "_"));
  CHECK_FALSE(is_single("\u4E2D", ""));
  CHECK_FALSE(is_single("", "\u0301"));
  CHECK_FALSE(is_single("\u0663", ""));
  CHECK_FALSE(is_single("", "\u200D"));
}

TEST_CASE("white space is measured to both sides in whole code points", "[text][added_tokens]") {
  const std::string text = "a \u3000\u00A0|\u2003\nb";
  const std::size_t bar = text.find('|');
  CHECK(detail::white_space_begin(text, bar, 0) == 1);
  CHECK(detail::white_space_begin(text, bar, 2) == 2);
  CHECK(detail::white_space_run_end(text, bar + 1) == text.size() - 1);
  CHECK(detail::white_space_begin("é", 2, 0) == 2);
}
