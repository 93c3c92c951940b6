// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/pre_tokenizer/regex_pattern.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/base/error.hpp"
#include "tutti/text/pre_tokenizer/detail/onig_to_pcre2.hpp"

using namespace tutti;

namespace {

/// The pieces of `text`, matches in [].
std::string marked(const std::string& pattern, std::string_view text, bool invert = false) {
  std::string result;
  for (const MatchedSpan& span : RegexPattern(pattern).spans(text, invert)) {
    const std::string piece(text.substr(span.begin, span.end - span.begin));
    result += span.is_match ? "[" + piece + "]" : piece;
  }
  return result;
}

std::string rewritten(std::string_view pattern) { return detail::OnigToPcre2(pattern).run(); }

}  // namespace

TEST_CASE("a pattern matches from left to right, in whole code points",
          "[text][regex][text_libraries]") {
  CHECK(marked("a+", "baab a") == "b[aa]b [a]");
  CHECK(marked("a+", "baab a", true) == "[b]aa[b ]a");
  CHECK(marked(".", "é東") == "[é][東]");
  CHECK(marked(R"(\p{L}+|\p{N})", "né12 東京") == "[né][1][2] [東京]");
  CHECK(marked("(?<=a)b", "bab") == "ba[b]");
  CHECK(marked("x", "") == "");
  CHECK(marked("x", "abc") == "abc");
}

TEST_CASE("an empty match counts where no match has just ended", "[text][regex][text_libraries]") {
  CHECK(marked("x*", "axxb") == "[]a[xx]b[]");
  CHECK(marked("(?=b)", "abb") == "a[]b[]b");
}

TEST_CASE("classes are those of Oniguruma and not of PCRE2", "[text][regex][text_libraries]") {
  CHECK(marked(R"(\s)", "a\u180E\u0085 \u3000") == "a\u180E[\u0085][ ][\u3000]");
  CHECK(marked(R"([\S]+)", "a\u180E b") == "[a\u180E] [b]");
  CHECK(marked(R"([^\s]+)", "a\u00A0b") == "[a]\u00A0[b]");
  CHECK(marked(R"(\w+)", "e\u0301_1 \u203F½ \u2153Ⓐ") == "[e\u0301_1] [\u203F½] \u2153[Ⓐ]");
  CHECK(marked(R"(\W+)", "a -b") == "a[ -]b");
  CHECK(marked(R"(\h+)", "xaFz 09") == "x[aF]z [09]");
  CHECK(marked(R"(\be)", "e\u0301e e") == "[e]\u0301e [e]");
  CHECK(marked(R"(\B.)", "ab-") == "a[b]-");
  CHECK(marked(R"(\u00e9)", "é") == "[é]");
  CHECK(marked("^a$", "a\na\r\n") == "[a]\na\r\n");
  CHECK(marked("a.", "a\nab") == "a\n[ab]");
}

TEST_CASE("rewriting keeps the syntax that both engines read alike", "[text][regex]") {
  for (const char* pattern :
       {R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[]\[^a-z]++[\r\n]*|\\|\])",
        "(?=a)(?!b)(?<=c)(?<!d)(?>e)(?:f)", R"(\x{41}\p{Han}+{x}[[:alpha:]])"}) {
    CHECK(rewritten(pattern) == pattern);
  }
}

TEST_CASE("syntax of Oniguruma alone is rewritten for PCRE2", "[text][regex][text_libraries]") {
  CHECK(rewritten("a{,3}b{,12}?{2,}{,}{}{,1,}") == "a{0,3}b{0,12}?{2,}{,}{}{,1,}");
  CHECK(rewritten(R"(\v[\t-\v])") == R"(\x0b[\t-\x0b])");
  CHECK(marked("a{,2}", "aaab") == "[aa][a]b[]");
  CHECK(marked(R"(\v)", "\n\v\r") == "\n[\v]\r");
  CHECK(marked(R"([^\v]+)", "\n\v\r") == "[\n]\v[\r]");
  CHECK(marked("(?i)a|b", "ABc") == "[A][B]c");
}

TEST_CASE("syntax that the two engines read differently is refused",
          "[text][regex][text_libraries]") {
  for (const char* pattern : {"[a&&b]", "[a[b]]", "(?m)a", "(?s:.)", "a{1,2}+", R"([\W])",
                              "(?P<n>a)", "(?R)", "a{2}?", "x(?i)a|b", "(?:(?i)a)|b", "a(?-i)"}) {
    INFO(pattern);
    CHECK_THROWS_WITH(RegexPattern(pattern), test::contains("not supported"));
  }
}

TEST_CASE("malformed patterns are refused and not crashed on", "[text][regex][text_libraries]") {
  for (const std::string pattern : {"(", "[", "\\", "a{2,1}", "\\p{Nope}", "\\p{", "(?",
                                    "[[:", "\\u12", "(?<=a*)b", "\xFF", "*"}) {
    INFO(pattern);
    CHECK_THROWS_AS(RegexPattern(pattern), FormatError);
  }
  CHECK_THROWS_WITH(RegexPattern(std::string(RegexPattern::kMaxBytes + 1, 'a')),
                    test::contains("at most"));
  CHECK_THROWS_AS(RegexPattern(std::string(1000, '(') + std::string(1000, ')')), FormatError);
  CHECK_THROWS_AS(RegexPattern("(((a{1,1000}){1,1000}){1,1000})"), FormatError);
}

TEST_CASE("a pattern that backtracks without end gives up", "[text][regex][text_libraries]") {
  const std::string text = std::string(5000, 'a') + "!";
  CHECK_THROWS_WITH(RegexPattern("(a+)+$").spans(text), test::contains("too costly"));
  CHECK_THROWS_AS(RegexPattern("(a|aa)+b").spans(text), FormatError);
  CHECK_THROWS_AS(RegexPattern("((a*)*)*c").spans(text), FormatError);
  // Memory: one frame for each step back.
  CHECK_THROWS_AS(RegexPattern("(?:a|b)*c").spans(std::string(3'000'000, 'a')), FormatError);
}

TEST_CASE("a pattern that is cheap everywhere matches a long text",
          "[text][regex][text_libraries]") {
  const std::string text(300'000, 'a');
  CHECK(RegexPattern(R"(\p{L}+|\s+(?!\S)|\s+)").spans(text).size() == 1);
  CHECK(RegexPattern("a").spans(text).size() == text.size());
  CHECK(RegexPattern("b").spans(text).size() == 1);
}

TEST_CASE("a text that is no valid UTF-8 is refused", "[text][regex][text_libraries]") {
  CHECK_THROWS_AS(RegexPattern("a").spans("a\xFF"), OptionError);
}

TEST_CASE("a match that moves its beginning is refused", "[text][regex]") {
  CHECK_THROWS_AS(RegexPattern(R"(a\Kb)").spans("ab"), FormatError);
}
