// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/jinja/builtins/filters.hpp"

#include "tests/support/catch.hpp"
#include "tests/text/jinja/support.hpp"

namespace tutti::jinja {

using test::error_of;
using test::value_of;

TEST_CASE("filters of strings", "[text][jinja][text_libraries]") {
  CHECK(value_of("' a\u00a0'|trim ~ '|' ~ 'xay'|trim('yx')") == "a|a");
  CHECK(value_of("'straße'|upper ~ 'ÀB'|lower ~ 'ab cD-ef'|title ~ 'aB c'|capitalize") ==
        "STRASSEàbAb Cd-EfAb c");
  CHECK(value_of("'aaa'|replace('a', 'b', 2)") == "bba");
  CHECK(value_of("'a\n\nb'|indent(2)") == "a\n\n  b");
  CHECK(value_of("'a\n\nb'|indent('> ', true, true)") == "> a\n> \n> b");
  CHECK(value_of("'<a href=\"x\">'|e") == "&lt;a href=&#34;x&#34;&gt;");
  CHECK(value_of("'%s-%02d'|format('a', 7)") == "a-07");
  CHECK(value_of("'%(k)s'|format(k=1)") == "1");
  CHECK(value_of("[1, 'b', none]|join('-') ~ 'abc'|join('.')") == "1-b-Nonea.b.c");
  CHECK(value_of("'aé'|length ~ 'aé'|reverse ~ 'aé'|first ~ 'aé'|last") == "2éaaé");
  CHECK(value_of("1.5|string ~ [1]|string") == "1.5[1]");
}

TEST_CASE("filters of numbers", "[text][jinja]") {
  CHECK(value_of("[' 42 '|int, '-0x1F'|int(base=16), '4.9'|int, 'x'|int(7), 3.9|int, true|int]") ==
        "[42, -31, 4, 7, 3, 1]");
  CHECK(value_of("['1e3'|float, 'inf'|float, 'x'|float, 2|float]") == "[1000.0, inf, 0.0, 2.0]");
  CHECK(value_of("[2.5|round, 3.5|round, 2.675|round(2), 7|round, 1.21|round(1, 'ceil')]") ==
        "[2.0, 4.0, 2.67, 7, 1.3]");
  CHECK(value_of("[-3|abs, -2.5|abs]") == "[3, 2.5]");
  CHECK(error_of("{{ 'a'|abs }}") ==
        "OptionError: chat template, line 1: abs needs a number, not a value of type str");
  CHECK(error_of("{{ '99999999999999999999'|int }}") ==
        "OptionError: chat template, line 1: the number 99999999999999999999 does not fit in 64 "
        "bits");
}

TEST_CASE("filters of lists", "[text][jinja]") {
  CHECK(
      value_of("['b', 'A', 'c']|sort ~ ['b', 'A']|sort(case_sensitive=true) ~ [1, 2]|sort(true)") ==
      "['A', 'b', 'c']['A', 'b'][2, 1]");
  CHECK(value_of("[{'k': 2}, {'k': 1}]|sort(attribute='k')") == "[{'k': 1}, {'k': 2}]");
  CHECK(value_of("['a', 'A', 'b']|unique|list ~ [1, 1.0, true]|unique|list") == "['a', 'b'][1]");
  CHECK(value_of("[3, 1]|min ~ ['a', 'C']|max ~ [1, 2]|sum ~ [{'k': 5}]|sum('k')") == "1C35");
  CHECK(value_of("[1, 2, 3]|batch(2, 0)|list ~ [1, 2, 3]|slice(2)|list") ==
        "[[1, 2], [3, 0]][[1, 2], [3]]");
  CHECK(value_of("{'b': 1, 'A': 2}|dictsort ~ {'b': 1, 'A': 2}|dictsort(false, 'value', true)") ==
        "[('A', 2), ('b', 1)][('A', 2), ('b', 1)]");
  CHECK(value_of("{'a': 1}|items|list ~ x|items|list ~ {'a': 1}|list") == "[('a', 1)][]['a']");
  CHECK(value_of("[1, 2]|reverse|list ~ [[1], []]|map('length')|list") == "[2, 1][1, 0]");
  CHECK(value_of("[{'a': {'b': 1}}, {}]|map(attribute='a.b', default=0)|list") == "[1, 0]");
  CHECK(value_of("[0, 1, 2]|select|list ~ [0, 1, 2]|reject('gt', 1)|list") == "[1, 2][0, 1]");
  CHECK(value_of("[{'r': 'a'}, {'r': 'b'}, {}]|selectattr('r', 'equalto', 'b')|list") ==
        "[{'r': 'b'}]");
  CHECK(value_of("[{'r': 0}, {'r': 1}]|rejectattr('r')|list") == "[{'r': 0}]");
}

TEST_CASE("a generator can be read once and has no length, as in jinja2", "[text][jinja]") {
  CHECK(test::run("{% set g = [1, 2]|map('string') %}{{ g|list }}{{ g|list }}") == "['1', '2'][]");
  CHECK(test::run("{% set g = [1, 2]|map('string') %}{{ g|first }}{{ g|list }}") == "1['2']");
  CHECK(error_of("{{ [1]|map('string')|length }}") ==
        "OptionError: chat template, line 1: a value of type generator has no length");
  CHECK(error_of("{{ [1]|map('string') }}").starts_with("OptionError: "));
}

TEST_CASE("tojson writes as json.dumps of transformers does", "[text][jinja]") {
  CHECK(value_of("{'a': [1, 2.0, none, true, 'é\"\\n\\x01'], 'b': {}}|tojson") ==
        R"({"a": [1, 2.0, null, true, "é\"\n\u0001"], "b": {}})");
  CHECK(value_of("{'a': [1, []]}|tojson(indent=2)") == "{\n  \"a\": [\n    1,\n    []\n  ]\n}");
  CHECK(value_of("{'b': 1, 'a': (2,)}|tojson(separators=(',', ':'), sort_keys=true)") ==
        R"({"a":[2],"b":1})");
  CHECK(value_of("'é😀'|tojson(ensure_ascii=true)") == R"("\u00e9\ud83d\ude00")");
  CHECK(value_of("{1: 1, none: 2, true: 3}|tojson") == R"({"1": 3, "null": 2})");
  CHECK(error_of("{{ {'a': x}|tojson }}") ==
        "OptionError: chat template, line 1: \"x\" is undefined");
  CHECK(error_of("{{ range|tojson }}") ==
        "OptionError: chat template, line 1: a value of type function cannot be written as JSON");
}

TEST_CASE("tests of types and values", "[text][jinja]") {
  CHECK(value_of("[1 is number, 1 is integer, true is integer, 1.0 is float, 'a' is string]") ==
        "[True, True, False, True, True]");
  CHECK(
      value_of("[{} is mapping, {} is sequence, [] is sequence, 'a' is iterable, 1 is iterable]") ==
      "[True, True, True, True, False]");
  CHECK(value_of("[none is none, x is none, x is undefined, false is false, 0 is false]") ==
        "[True, False, True, True, False]");
  CHECK(
      value_of("['AB' is upper, 'a1' is lower, 3 is odd, 3 is even, 3 is sameas 3, 2 is in [2]]") ==
      "[True, True, True, False, True, True]");
  CHECK(value_of("[1 is lt 2, 1 is ge 2, 1 is ne 1, range is callable, 'a' is eq 'a']") ==
        "[True, False, False, True, True]");
}

TEST_CASE("filters check their arguments", "[text][jinja]") {
  CHECK(error_of("{{ 'a'|trim(1, 2) }}") ==
        "OptionError: chat template, line 1: trim takes at most 1 arguments, not 2");
  CHECK(error_of("{{ 'a'|trim(x=1) }}") ==
        "OptionError: chat template, line 1: trim has no argument \"x\"");
  CHECK(error_of("{{ 'a'|replace('b') }}") ==
        "OptionError: chat template, line 1: replace needs the argument new");
  CHECK(error_of("{{ [1, 'a']|sort }}") ==
        "OptionError: chat template, line 1: the operator < does not apply to str and int");
}

}  // namespace tutti::jinja
