// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/jinja/interpreter.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/text/jinja/support.hpp"

namespace tutti::jinja {

using test::error_of;
using test::run;
using test::run_tainted;
using test::value_of;

TEST_CASE("a loop knows where it is", "[text][jinja]") {
  CHECK(run("{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}"
            "{{ loop.revindex0 }}{{ loop.length }}{{ 'F' if loop.first }}{{ 'L' if loop.last }} "
            "{% endfor %}") == "10323F 21213 32103L ");
  CHECK(run("{% for x in [1, 2, 3] %}{{ loop.previtem|default('-') }}{{ x }}"
            "{{ loop.nextitem|default('-') }} {% endfor %}") == "-12 123 23- ");
  CHECK(run("{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}") == "aba");
  CHECK(run("{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}") == "True False True ");
}

TEST_CASE("loops unpack, filter, break, continue and have an else", "[text][jinja]") {
  CHECK(run("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}") == "a1b2");
  CHECK(run("{% for a, (b, c) in [(1, [2, 3])] %}{{ a + b + c }}{% endfor %}") == "6");
  CHECK(run("{% for x in range(6) if x is odd %}{{ x }}/{{ loop.length }} {% endfor %}") ==
        "1/3 3/3 5/3 ");
  CHECK(run("{% for x in [] %}{% else %}none{% endfor %}") == "none");
  CHECK(run("{% for x in range(9) %}{% if x == 1 %}{% continue %}{% elif x == 3 %}{% break %}"
            "{% endif %}{{ x }}{% endfor %}") == "02");
  CHECK(error_of("{% for a, b in [[1]] %}{% endfor %}") ==
        "OptionError: chat template, line 1: 1 values for 2 names");
  CHECK(error_of("{% for a in 5 %}{% endfor %}") ==
        "OptionError: chat template, line 1: a value of type int cannot be iterated over");
}

TEST_CASE("variables set in a loop are local to it, those set in an if are not", "[text][jinja]") {
  CHECK(run("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}") == "21");
  CHECK(run("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}") == "2");
  CHECK(
      run("{% set n = namespace(x=1) %}{% for i in [1] %}{% set n.x = 2 %}{% endfor %}{{ n.x }}") ==
      "2");
  CHECK(run("{% with x = 5, y = 6 %}{{ x + y }}{% endwith %}{{ x }}") == "11");
  CHECK(run("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}") == "1");
}

TEST_CASE("set takes tuples and blocks", "[text][jinja]") {
  CHECK(run("{% set a, b = 1, [2] %}{{ a }}{{ b }}") == "1[2]");
  CHECK(run("{% set x %} a{{ 1 }} {% endset %}[{{ x }}]") == "[ a1 ]");
  CHECK(run("{% set x | trim | upper %} a {% endset %}[{{ x }}]") == "[A]");
  CHECK(error_of("{% set d = {} %}{% set d.x = 1 %}") ==
        "OptionError: chat template, line 1: \"d\" is no namespace: its attribute \"x\" cannot be "
        "set");
  CHECK(
      error_of("{% set n = namespace() %}{% set n._x = 1 %}") ==
      "OptionError: chat template, line 1: the attribute \"_x\" of a namespace begins with \"_\"");
}

TEST_CASE("macros have defaults, names, further arguments and callers", "[text][jinja]") {
  CHECK(run("{% macro m(a, b=a ~ '!', c=3) %}{{ a }}{{ b }}{{ c }} {% endmacro %}"
            "{{ m(1) }}{{ m(1, c=4) }}{{ m(b=2, a=0) }}") == "11!3 11!4 023 ");
  CHECK(run("{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, k=3) }}") ==
        "1(2,){'k': 3}");
  CHECK(run("{% macro m() %}<{{ caller('x') }}>{% endmacro %}"
            "{% call(y) m() %}{{ y }}{{ y }}{% endcall %}") == "<xx>");
  CHECK(run("{% macro f(n) %}{{ n if n < 2 else f(n - 1)|int + f(n - 2)|int }}{% endmacro %}"
            "{{ f(10) }}") == "55");
  CHECK(run("{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}") == "False");
  CHECK(run("{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}") == "2");
  CHECK(error_of("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}") ==
        "OptionError: chat template, line 1: the macro \"m\" takes at most 1 arguments, not 2");
  CHECK(error_of("{% macro m(a) %}{% endmacro %}{{ m(b=2) }}") ==
        "OptionError: chat template, line 1: the macro \"m\" has no parameter \"b\"");
}

TEST_CASE("a macro that left its loop still sees its variables", "[text][jinja]") {
  CHECK(run("{% set n = namespace() %}{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}"
            "{% set n.m = m %}{% endfor %}{{ n.m() }}") == "2");
}

TEST_CASE("what is undefined prints nothing and cannot be used", "[text][jinja]") {
  CHECK(value_of("x") == "");
  CHECK(value_of("{}.x") == "");
  CHECK(value_of("x|default('d') ~ [x|length] ~ (x or 'y')") == "d[0]y");
  CHECK(value_of("x == y") == "True");
  CHECK(value_of("'a' if false") == "");
  CHECK(error_of("\n{{ x.y }}") == "OptionError: chat template, line 2: \"x\" is undefined");
  CHECK(error_of("{{ {}.x.y }}") ==
        "OptionError: chat template, line 1: dict has no attribute \"x\"");
  CHECK(error_of("{{ [][0] + 1 }}") == "OptionError: chat template, line 1: list has no element 0");
  CHECK(error_of("{{ x() }}") == "OptionError: chat template, line 1: \"x\" is undefined");
  CHECK(error_of("{{ x + 'a' }}") == "OptionError: chat template, line 1: \"x\" is undefined");
}

TEST_CASE("the template refuses messages in its own words", "[text][jinja]") {
  CHECK(error_of("\n{{ raise_exception('Roles must\nalternate') }}") ==
        "OptionError: chat template, line 2: the template refuses the messages: Roles "
        "must\\x0aalternate");
}

TEST_CASE("strftime_now shows the time it is given", "[text][jinja]") {
  CHECK(value_of("strftime_now('%d %b %Y')") == "06 Jul 2024");
  CHECK(value_of("strftime_now('%A, %B %-d, %y %j %I:%M:%S %p %H %m %a %%')") ==
        "Saturday, July 6, 24 188 03:04:09 PM 15 07 Sat %");
  CHECK(error_of("{{ strftime_now('%Q') }}") ==
        "FormatError: the time format \"%Q\" ends in a directive that is not supported");
}

TEST_CASE("joiner and cycler keep count", "[text][jinja]") {
  CHECK(run("{% set j = joiner('; ') %}{% for x in 'abc' %}{{ j() }}{{ x }}{% endfor %}") ==
        "a; b; c");
  CHECK(run("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}"
            "{{ c.current }}{{ c.reset() }}{{ c.current }}") ==
        "abab"
        "Nonea");
}

TEST_CASE("lists and dicts cannot be changed", "[text][jinja]") {
  CHECK(error_of("{{ [].append(1) }}") ==
        "OptionError: chat template, line 1: the method \"append\" would change a list, which the "
        "sandbox does not allow");
  CHECK(error_of("{{ {'a': 1}.update({}) }}") ==
        "OptionError: chat template, line 1: the method \"update\" would change a dict, which the "
        "sandbox does not allow");
  CHECK(value_of("[].append is defined") == "False");
}

TEST_CASE("work is limited", "[text][jinja]") {
  CHECK(error_of("{% for i in range(100) %}{% for j in range(100) %}{% endfor %}{% endfor %}",
                 {.max_steps = 1000})
            .starts_with("CapacityError: chat template, line 1: more than 1000 steps"));
  CHECK(error_of("{{ 'a' * 101 }}", {.max_output_bytes = 100})
            .starts_with("CapacityError: chat template, line 1: a string of 101 bytes"));
  CHECK(error_of("{% for i in range(11) %}0123456789{% endfor %}", {.max_output_bytes = 100})
            .starts_with("CapacityError: chat template, line 1: a string of 110 bytes"));
  CHECK(error_of("{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}"
                 "{% endfor %}")
            .starts_with("CapacityError: "));
  CHECK(error_of("{{ 'a' * 9223372036854775807 }}").starts_with("CapacityError: "));
  CHECK(error_of("{{ [1] * 9223372036854775807 }}").starts_with("CapacityError: "));
  CHECK(error_of("{{ range(100001) }}") ==
        "OptionError: chat template, line 1: a range of more than 100000 items");
  CHECK(error_of(
            "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807)|list }}") ==
        "no error: [-9223372036854775807, 0]");
  CHECK(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}") ==
        "CapacityError: chat template, line 1: more than 250 levels of nesting "
        "(ChatLimits::max_depth)");
}

TEST_CASE("values that hold each other neither overflow the stack nor leak", "[text][jinja]") {
  CHECK(error_of("{% set n = namespace() %}{% set n.a = n %}{{ n }}")
            .starts_with("CapacityError: chat template, line 1: more than 250 levels"));
  CHECK(error_of("{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = [n.l] %}"
                 "{% endfor %}") ==
        "CapacityError: chat template, line 1: more than 100 lists or dicts within each other");
  CHECK(error_of("{% set n = namespace(l=1) %}{% for i in range(1000) %}{% for x in [n.l] %}"
                 "{% set n.l = loop %}{% endfor %}{% endfor %}")
            .starts_with("CapacityError: "));
  // 2^60 elements, but few lists.
  CHECK(error_of("{% set n = namespace(l=[1, 2]) %}{% for i in range(60) %}"
                 "{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}")
            .starts_with("CapacityError: "));
  CHECK(error_of("{% set n = namespace(l=[1, 2], m=[1, 2]) %}{% for i in range(60) %}"
                 "{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% endfor %}{{ n.l == n.m }}")
            .starts_with("CapacityError: "));
}

TEST_CASE("text from outside keeps its mark through every operation", "[text][jinja]") {
  const auto marked = [](std::string_view expression) {
    const TaintedText text = run_tainted("{{ " + std::string(expression) + " }}",
                                         {{"x", Value(TaintedText(" AbC ", true))}});
    std::string result;  // the tainted bytes in brackets
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool opens = text.is_tainted(i) && (i == 0 || !text.is_tainted(i - 1));
      const bool closes = !text.is_tainted(i) && i > 0 && text.is_tainted(i - 1);
      result += std::string(opens ? "[" : closes ? "]" : "") + text.bytes()[i];
    }
    return result + (!text.empty() && text.is_tainted(text.size() - 1) ? "]" : "");
  };
  CHECK(marked("'<' + x + '>'") == "<[ AbC ]>");
  CHECK(marked("'<' ~ x|trim ~ '>'") == "<[AbC]>");
  CHECK(marked("x.strip().upper() + 'd'") == "[ABC]d");
  CHECK(marked("x[2:4] ~ x[::-1]") == "[bC CbA ]");
  CHECK(marked("x.replace('b', '--')") == "[ A]--[C ]");
  CHECK(marked("'a-b'.replace('-', x)") == "a[ AbC ]b");
  CHECK(marked("x.split('b')|join('+')") == "[ A]+[C ]");
  CHECK(marked("[x|trim]|string ~ {'k': x|trim}|tojson") == "['[AbC]']{\"k\": \"[AbC]\"}");
  CHECK(marked("'%s|%5s' % (x|trim, x|trim)") == "[AbC]|  [AbC]");
  CHECK(marked("'{}.'.format(x)") == "[ AbC ].");
  CHECK(marked("x|indent(2, true)") == "  [ AbC ]");
  CHECK(marked("x * 2") == "[ AbC  AbC ]");
  CHECK(marked("(x ~ 'é<')|e") == "[ AbC ]é&lt;");
  CHECK(marked("x|list|last ~ x|first ~ 'b'") == "[  ]b");
}

}  // namespace tutti::jinja
