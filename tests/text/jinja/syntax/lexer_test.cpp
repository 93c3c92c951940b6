// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/jinja/syntax/lexer.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/text/jinja/support.hpp"

namespace tutti::jinja {

using test::error_of;
using test::run;
using test::value_of;

TEST_CASE("a newline after a block tag is dropped, one after an expression is not",
          "[text][jinja]") {
  CHECK(run("{% if true %}\na\n{% endif %}\nb") == "a\nb");
  CHECK(run("{{ 1 }}\nb") == "1\nb");
  CHECK(run("{# comment #}\nb") == "b");
  CHECK(run("{% if true +%}\na{% endif %}") == "\na");
}

TEST_CASE("indentation before a block tag is dropped if the tag begins the line", "[text][jinja]") {
  CHECK(run("a\n  {% if true %}b{% endif %}") == "a\nb");
  CHECK(run("a  {% if true %}b{% endif %}") == "a  b");
  CHECK(run("  {{ 1 }}") == "  1");
  CHECK(run("  {%+ if true %}b{% endif %}") == "  b");
  CHECK(run("{% if true %}\n  {% endif %}c") == "c");
  CHECK(run("x\n\t {# comment #} y") == "x\n y");
}

TEST_CASE("a minus drops all white space on its side", "[text][jinja]") {
  CHECK(run("a \n\u00a0{{- 1 -}} \n b") == "a1b");
  CHECK(run("a \n {%- if true -%} \n b {%- endif %} c") == "ab c");
  CHECK(run("a {#- x -#} b") == "ab");
  CHECK(run("{{ 3 -1 }}") == "2");
  CHECK(run("{{-1}}") == "1");  // the minus belongs to the tag, as in jinja2
}

TEST_CASE("raw blocks are written as they are", "[text][jinja]") {
  CHECK(run("{% raw %}{{ x }}{% endraw %}") == "{{ x }}");
  CHECK(run("{% raw %}\n {% if %}\n{% endraw %}\nb") == "\n {% if %}\nb");
  CHECK(run("a {%- raw -%} {{ {%- endraw -%} b") == "a{{b");
}

TEST_CASE("one newline at the end is dropped, and all line ends become newlines", "[text][jinja]") {
  CHECK(run("a\n") == "a");
  CHECK(run("a\n\n") == "a\n");
  CHECK(run("a\r\nb\rc") == "a\nb\nc");
}

TEST_CASE("strings have Python's escapes", "[text][jinja]") {
  CHECK(value_of(R"('\n\t\\\'\"')") == "\n\t\\'\"");
  CHECK(value_of(R"('\u00e9\x41\101\U0001F600')") == "éAA😀");
  CHECK(value_of(R"('\q\é')") == R"(\q\xe9)");
  CHECK(value_of("'a\\\nb'") == "ab");
  CHECK(value_of(R"('a' "b" 'c')") == "abc");
  CHECK(error_of(R"({{ '\x4' }})") ==
        "FormatError: chat template, line 1: the escape \\x needs 2 digits");
  CHECK(error_of(R"({{ '\ud800' }})") ==
        "FormatError: chat template, line 1: the escape \\u names no character");
  CHECK(error_of(R"({{ '\N{DASH}' }})") ==
        "FormatError: chat template, line 1: the escape \\N is not supported");
}

TEST_CASE("numbers are Python's", "[text][jinja]") {
  CHECK(value_of("1_000 + 0x1f + 0b11 + 0o17") == "1049");
  CHECK(value_of("1.5e3") == "1500.0");
  CHECK(value_of("1e-7") == "1e-07");
  CHECK(value_of("9223372036854775807") == "9223372036854775807");
  CHECK(
      error_of("{{ 9223372036854775808 }}") ==
      "FormatError: chat template, line 1: the number 9223372036854775808 does not fit in 64 bits");
}

TEST_CASE("tokens carry their lines", "[text][jinja]") {
  Lexer lexer("a\n{{ b\n+ 'c' }}");
  std::string seen;
  for (Lexeme lexeme = lexer.next(); lexeme.kind != TokenKind::end; lexeme = lexer.next()) {
    seen += lexeme.text + std::to_string(lexeme.line) + " ";
  }
  CHECK(seen == "a\n1 2 b2 +3 c3 3 ");
}

TEST_CASE("malformed tags are refused with their line", "[text][jinja]") {
  CHECK(error_of("\n{{ 'a }}") == "FormatError: chat template, line 2: a string has no end");
  CHECK(error_of("{# a") == "FormatError: chat template, line 1: a comment has no end");
  CHECK(error_of("{% raw %} a") == "FormatError: chat template, line 1: a raw block has no end");
  CHECK(error_of("{{ (1] }}") == "FormatError: chat template, line 1: unexpected \"]\"");
  CHECK(error_of("{{ 1 ? 2 }}") == "FormatError: chat template, line 1: unexpected \"?\"");
  CHECK(error_of("{{ \xE2\x82\xAC }}") ==
        "FormatError: chat template, line 1: unexpected \"\\xe2\\x82\\xac\"");
  CHECK(error_of("a\n\xFF") == "FormatError: chat template, line 2: invalid UTF-8");
}

}  // namespace tutti::jinja
