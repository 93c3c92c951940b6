// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/chat/chat_layout.hpp"

#include <string_view>

#include "tests/support/catch.hpp"
#include "tutti/text/chat/detail/python_strip.hpp"

using namespace tutti;

TEST_CASE("code is brought to one spelling, text and literals stay", "[text][chat_layout]") {
  CHECK(detail::canonical_jinja(R"({{- " a" +  x | trim }} b "c" )") ==
        R"({{-' a'+x|trim}} b "c" )");
  CHECK(detail::canonical_jinja("{# it's {{ a }} #}{% if\n x %}") == "{%ifx%}");
  CHECK(detail::canonical_jinja(R"({{ 'don\'t }}' }} y)") == R"({{'don\'t }}'}} y)");
  CHECK(detail::canonical_jinja("{{ 'open") == "{{'open");
  CHECK(detail::canonical_jinja("{# open") == "");
}

TEST_CASE("the points in which Mistral's templates differ are found", "[text][chat_layout]") {
  const ChatLayout v2 = read_chat_layout(
      "{{ '[INST] ' + message['content'] + ' [/INST]' }}{{ message['content'] + eos_token}}");
  CHECK(v2.family == ChatFamily::mistral);
  CHECK(v2.user_begin == "[INST] ");
  CHECK(v2.user_end == " [/INST]");
  CHECK(v2.answer_begin == "");
  CHECK(v2.system == SystemPlace::nowhere);
  CHECK_FALSE(v2.begins_with_bos);
  CHECK_FALSE(v2.trims);
}

TEST_CASE("white space is stripped as Python strips it", "[text][chat_layout]") {
  CHECK(detail::strip(" \n\u00A0a b\u3000\x1F\t") == "a b");
  CHECK(detail::strip(" \u3000") == "");
  CHECK(detail::strip("\u200Ba") == "\u200Ba");
  CHECK(detail::strip("é") == "é");
  CHECK(detail::strip_leading_newlines("\n\n a\n") == " a\n");
  CHECK(detail::strip_trailing_newlines("\na \n\n") == "\na ");
}
