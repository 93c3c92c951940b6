// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/jinja/syntax/parser.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/text/jinja/support.hpp"

namespace tutti::jinja {

using test::error_of;
using test::run;
using test::value_of;

TEST_CASE("operators bind as in jinja2", "[text][jinja]") {
  CHECK(value_of("1 + 2 * 3") == "7");
  CHECK(value_of("2 ** 3 ** 2") == "64");  // from left to right, unlike Python
  CHECK(value_of("-2 ** 2") == "4");
  CHECK(value_of("'a' ~ 1 * 2") == "a2");
  CHECK(value_of("not 1 == 2") == "True");
  CHECK(value_of("1 if false else 2 if false else 3") == "3");
  CHECK(value_of("'a' + ' b '|trim + 'c'") == "abc");
  CHECK(value_of("1 < 3 > 2 and 2 in [1, 2] and 3 not in [1, 2]") == "True");
  CHECK(value_of("x is not defined or y") == "True");
  CHECK(value_of("[1, 2][0] is odd") == "True");
  CHECK(value_of("5 is divisibleby 5 and 6 is divisibleby(3)") == "True");
}

TEST_CASE("unsupported constructs are refused by name and line", "[text][jinja]") {
  CHECK(error_of("{{ 1 }}\n\n{{ x|xmlattr }}") ==
        "FormatError: chat template, line 3: the filter \"xmlattr\" is not supported");
  CHECK(error_of("{{ x is escaped }}") ==
        "FormatError: chat template, line 1: the test \"escaped\" is not supported");
  CHECK(error_of("{% include 'x' %}") ==
        "FormatError: chat template, line 1: the tag \"include\" is not supported");
  CHECK(error_of("{% block a %}{% endblock %}") ==
        "FormatError: chat template, line 1: the tag \"block\" is not supported");
  CHECK(error_of("{% if false %}{{ x.encode() }}{% endif %}") ==
        "FormatError: chat template, line 1: the method \"encode\" is not supported");
  CHECK(error_of("{{ [1]|map('wordwrap')|list }}") ==
        "FormatError: chat template, line 1: the filter \"wordwrap\" is not supported");
  CHECK(error_of("{{ [1]|selectattr('a', 'filter')|list }}") ==
        "FormatError: chat template, line 1: the test \"filter\" is not supported");
  CHECK(error_of("{% for x in y recursive %}{% endfor %}") ==
        "FormatError: chat template, line 1: recursive loops are not supported");
  CHECK(error_of("{{ f(*x) }}") ==
        "FormatError: chat template, line 1: unpacking of arguments is not supported");
  CHECK(error_of("{{ lipsum() }}") ==
        "FormatError: chat template, line 1: the function \"lipsum\" is not supported");
}

TEST_CASE("malformed templates are refused with what was expected", "[text][jinja]") {
  CHECK(error_of("{% if x %}") ==
        "FormatError: chat template, line 1: the template ends before the tag \"endif\"");
  CHECK(error_of("{% endif %}") == "FormatError: chat template, line 1: unexpected tag \"endif\"");
  CHECK(error_of("{% fro x in y %}") ==
        "FormatError: chat template, line 1: unexpected tag \"fro\"");
  CHECK(error_of("{{ }}") ==
        "FormatError: chat template, line 1: expected an expression, found \"}}\"");
  CHECK(error_of("{{ 1 2 }}") ==
        "FormatError: chat template, line 1: expected \"}}\", found \"2\"");
  CHECK(error_of("{% set 1 = 2 %}") ==
        "FormatError: chat template, line 1: expected a name, found \"1\"");
  CHECK(error_of("{% set true = 2 %}") ==
        "FormatError: chat template, line 1: cannot assign to true");
  CHECK(error_of("{% break %}") ==
        "FormatError: chat template, line 1: \"break\" outside of a loop");
  CHECK(error_of("{% for x in y %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}") ==
        "FormatError: chat template, line 1: \"break\" outside of a loop");
  CHECK(error_of("{{ f(a=1, 2) }}") ==
        "FormatError: chat template, line 1: an argument without name after one with name");
  CHECK(error_of("{% macro m(a=1, b) %}{% endmacro %}") ==
        "FormatError: chat template, line 1: a parameter without default after one with default");
}

TEST_CASE("nesting is bounded", "[text][jinja]") {
  const std::string too_deep = "more than 100 levels of nesting";
  CHECK_THROWS_WITH(run("{{ " + std::string(200, '(')), test::contains(too_deep));
  CHECK_THROWS_WITH(run("{{ " + std::string(200, '-') + "1 }}"), test::contains(too_deep));
  std::string tags;
  for (int i = 0; i < 200; ++i) tags += "{% if x %}";
  CHECK_THROWS_WITH(run(tags), test::contains(too_deep));
  std::string filters = "{{ 'a'";
  for (int i = 0; i < 200; ++i) filters += "|trim";
  CHECK_THROWS_WITH(run(filters + " }}"), test::contains("an expression of more than 100 levels"));
  // A long sum is not deeply nested.
  std::string sum = "{{ 0";
  for (int i = 0; i < 2000; ++i) sum += " + 1";
  CHECK(run(sum + " }}") == "2000");
}

}  // namespace tutti::jinja
