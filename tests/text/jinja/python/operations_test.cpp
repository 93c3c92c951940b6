// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/jinja/python/operations.hpp"

#include "tests/support/catch.hpp"
#include "tests/text/jinja/support.hpp"

namespace tutti::jinja {

using test::error_of;
using test::value_of;

TEST_CASE("arithmetic is Python's", "[text][jinja]") {
  CHECK(value_of("[7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 % -3, 7 / 2, 2 ** 10, 2 ** -1]") ==
        "[3, -4, 1, 2, -2, 3.5, 1024, 0.5]");
  CHECK(value_of("[7.5 // 2, -7.5 % 2, 1 + 0.5, true + 1, 0.1 + 0.2]") ==
        "[3.0, 0.5, 1.5, 2, 0.30000000000000004]");
  CHECK(value_of("['a' * 2, 2 * [1], [1] + [2], (1,) + (2,)]") == "['aa', [1, 1], [1, 2], (1, 2)]");
  CHECK(error_of("{{ 1 // 0 }}") == "OptionError: chat template, line 1: division by zero");
  CHECK(error_of("{{ 9223372036854775807 + 1 }}") ==
        "OptionError: chat template, line 1: 9223372036854775807 + 1 does not fit in 64 bits");
  CHECK(error_of("{{ 2 ** 63 }}") ==
        "OptionError: chat template, line 1: 2 ** 63 does not fit in 64 bits");
  CHECK(error_of("{{ (0 - 9223372036854775807 - 1) // -1 }}").starts_with("OptionError: "));
  CHECK(error_of("{{ [1] + (2,) }}") ==
        "OptionError: chat template, line 1: the operator + does not apply to list and tuple");
  CHECK(error_of("{{ -'a' }}") ==
        "OptionError: chat template, line 1: the operator - does not apply to str");
}

TEST_CASE("comparison is Python's", "[text][jinja]") {
  CHECK(value_of("[1 == 1.0, 1 == true, 'a' == 1, [1, [2]] == [1, [2.0]], (1,) == [1]]") ==
        "[True, True, False, True, False]");
  CHECK(value_of("[{'a': 1, 'b': 2} == {'b': 2, 'a': 1}, none == none, none == 0]") ==
        "[True, True, False]");
  CHECK(value_of("['a' < 'b', 'Z' < 'a', [1, 2] < [1, 3], (1,) < (1, 0), 9007199254740993 > "
                 "9007199254740992.0]") == "[True, True, True, True, True]");
  CHECK(value_of("[1 < 2 < 3, 1 < 3 < 2, 1 == 1 != 2]") == "[True, False, True]");
  CHECK(value_of(
            "['a' in 'abc', 1 in [1.0], 'k' in {'k': 1}, 1 in {1: 2}, x in [1], 2 in range(3)]") ==
        "[True, True, True, True, False, True]");
  CHECK(error_of("{{ 1 < 'a' }}") ==
        "OptionError: chat template, line 1: the operator < does not apply to int and str");
  CHECK(error_of("{{ 1 in 'a' }}") ==
        "OptionError: chat template, line 1: \"in\" a string needs a string before it, not int");
  CHECK(error_of("{{ [] in {} }}") ==
        "OptionError: chat template, line 1: a value of type list cannot be a key");
}

TEST_CASE("and, or and if return operands", "[text][jinja]") {
  CHECK(value_of("[0 or 'a', 1 and '', '' or none, not [], 1 and 2 or 3]") ==
        "['a', '', None, True, 2]");
}

TEST_CASE("values print as Python's str and repr", "[text][jinja][text_libraries]") {
  CHECK(value_of("none ~ true ~ 1.0 ~ 1e16 ~ 1e15 ~ 0.0001 ~ 1e-5 ~ -0.0") ==
        "NoneTrue1.01e+161000000000000000.00.00011e-05-0.0");
  CHECK(value_of("['a\\'b', 'a\\'\"b', '\\n\\\\\\x00é\u00a0\u200b', (1,), ()]") ==
        R"(["a'b", 'a\'"b', '\n\\\x00é\xa0\u200b', (1,), ()])");
  CHECK(value_of("{'a': none, 1: {}, (1, 2): []}") == "{'a': None, 1: {}, (1, 2): []}");
  CHECK(value_of("{}.keys() ~ {'a': 1}.values() ~ range(3) ~ namespace(a=1)") ==
        "dict_keys([])dict_values([1])range(0, 3)<Namespace {'a': 1}>");
}

TEST_CASE("indices and slices count code points, from both ends", "[text][jinja]") {
  CHECK(value_of("'aéz'[1] ~ 'aéz'[-1] ~ [1, 2][-2] ~ (1, 2).1") == "éz12");
  CHECK(value_of("'abcdef'[1:3] ~ 'abcdef'[-2:] ~ 'abcdef'[:-4] ~ 'abcdef'[::2] ~ 'abc'[::-1]") ==
        "bcefabacecba");
  CHECK(value_of("[[1, 2, 3][5:], [1, 2, 3][-9:2], [1, 2, 3][2:0:-1], range(5)[1:3]|list]") ==
        "[[], [1, 2], [3, 2], [1, 2]]");
  CHECK(value_of("'abc'[9:] ~ [1][5]|default('none') ~ 'abc'[7]|default('none')") == "nonenone");
  CHECK(error_of("{{ [1][::0] }}") ==
        "OptionError: chat template, line 1: the step of a slice is zero");
  CHECK(error_of("{% set x = none %}{{ x[:1] }}") ==
        "OptionError: chat template, line 1: a value of type None cannot be sliced");
}

TEST_CASE("attributes are methods first, items are keys first", "[text][jinja]") {
  CHECK(value_of("{'items': 5}['items'] ~ {'k': 5}.k ~ {'items': 5}.items()|list") ==
        "55[('items', 5)]");
  CHECK(value_of("{}.get('a') ~ {}.get('a', 1) ~ {'a': 2}.get('a')") == "None12");
}

TEST_CASE("methods of strings", "[text][jinja][text_libraries]") {
  CHECK(value_of("[' a b '.strip(), 'xxaxx'.lstrip('x'), 'axx'.rstrip('xy')]") ==
        "['a b', 'axx', 'a']");
  CHECK(value_of("['a,b,,c'.split(','), ' a  b '.split(), 'a,b,c'.split(',', 1), "
                 "'a,b,c'.rsplit(',', 1)]") ==
        "[['a', 'b', '', 'c'], ['a', 'b'], ['a', 'b,c'], ['a,b', 'c']]");
  CHECK(value_of(
            "[' a b c '.split(none, 1), ' a b c '.rsplit(none, 1), ''.split(), ''.split(',')]") ==
        "[['a', 'b c '], [' a b', 'c'], [], ['']]");
  CHECK(value_of("['ab'.startswith('a'), 'ab'.endswith(('x', 'b')), 'abc'.startswith('b', 1)]") ==
        "[True, True, True]");
  CHECK(value_of("['éab'.find('b'), 'ab'.find('x'), 'aba'.rfind('a'), 'aba'.count('a'), "
                 "'aa'.index('a', 1)]") == "[2, -1, 2, 2, 1]");
  CHECK(value_of("['-'.join(['a', 'b']), 'a-b'.partition('-'), 'a-b-c'.rpartition('-'), "
                 "'ab'.removeprefix('a')]") == "['a-b', ('a', '-', 'b'), ('a-b', '-', 'c'), 'b']");
  CHECK(value_of(
            "['a\\nb\\r\\nc\\n'.splitlines(), 'ab'.center(5, '*'), '7'.zfill(3), 'a'.ljust(2)]") ==
        "[['a', 'b', 'c'], '**ab*', '007', 'a ']");
  CHECK(value_of("'they\\'re'.title() ~ 'ΑΣ'.lower() ~ 'ab'.replace('', '.') ~ 'x'.isalpha()") ==
        "They'Reας.a.b.True");
  CHECK(value_of("'{0} {0} {{}}'.format(1) ~ '{}{}'.format(2, 3)") == "1 1 {}23");
  CHECK(error_of("{{ '{} {0}'.format(1) }}").starts_with("OptionError: "));
  CHECK(value_of("'{a} {b!r}'.format(a=1, b='c')") == "1 'c'");
  CHECK(error_of("{{ '-'.join([1]) }}") ==
        "OptionError: chat template, line 1: join needs a string, not a value of type int");
  CHECK(error_of("{{ 'a'.split('') }}") ==
        "OptionError: chat template, line 1: split at an empty string");
  CHECK(error_of("{{ '{:>3}'.format(1) }}") ==
        "FormatError: chat template, line 1: the field \":>3\" of .format() is not supported");
}

TEST_CASE("the operator % formats", "[text][jinja]") {
  CHECK(
      value_of(
          "'%s|%r|%5d|%-4s|%.2f|%x|%%|%05.1f|%+d' % ('a', 'b', 7, 'c', 2.345, 255, 3.14159, 1)") ==
      "a|'b'|    7|c   |2.35|ff|%|003.1|+1");
  CHECK(value_of("'%(a)s' % {'a': 1}") == "1");
  CHECK(value_of("'%s' % [1]") == "[1]");
  CHECK(error_of("{{ '%s' % (1, 2) }}") ==
        "OptionError: chat template, line 1: % has more values than its format has fields");
  CHECK(error_of("{{ '%d' % 'a' }}") ==
        "OptionError: chat template, line 1: %d needs a number, not a value of type str");
  CHECK(error_of("{{ '%c' % 1 }}") ==
        "FormatError: chat template, line 1: the conversion \"c\" of % is not supported");
}

}  // namespace tutti::jinja
