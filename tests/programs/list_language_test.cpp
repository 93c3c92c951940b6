// SPDX-License-Identifier: Apache-2.0
#include "programs/list_language.hpp"

#include <limits>
#include <string_view>
#include <vector>

#include "programs/random.hpp"
#include "tests/support/catch.hpp"

using namespace programs;

namespace {

Statement call(std::string_view name, int first, int second = 0) {
  for (std::size_t o = 0; o < kListOperations.size(); ++o) {
    if (kListOperations[o].name == name)
      return {static_cast<std::uint8_t>(o),
              Modifier::none,
              {static_cast<std::int16_t>(first), static_cast<std::int16_t>(second)}};
  }
  throw std::invalid_argument(std::string(name));
}

Value result_of(std::string_view name, const Value& first, const Value& second = List{}) {
  return apply_list_operation(call(name, 0).operation, first, second);
}

Value run_statements(const std::vector<Statement>& statements, const std::vector<Value>& inputs) {
  return run_list_program(statements, inputs);
}

}  // namespace

// Figure 1 of the paper: "An example program in our DSL that takes a single integer array as its
// input."
TEST_CASE("DeepCoder's first program gives the output that is printed there") {
  CHECK(run_statements(
            {call("FILTER(<0)", 0), call("MAP(*4)", 1), call("SORT", 2), call("REVERSE", 3)},
            {List{-17, -3, 4, 11, 0, -5, -9, 13, 6, 6, -8, 11}}) ==
        Value(List{-12, -20, -32, -36, -68}));
}

// Appendix A of the paper, "Example programs". Variables: 0 and 1 are the inputs.
TEST_CASE("DeepCoder's example programs give the outputs that are printed there") {
  CHECK(run_statements({call("SORT", 1), call("TAKE", 0, 2), call("SUM", 3)},
                       {2, List{3, 5, 4, 7, 5}}) == Value(7));
  CHECK(run_statements({call("MAP(*3)", 0), call("ZIPWITH(+)", 2, 1), call("MAXIMUM", 3)},
                       {List{6, 2, 4, 7, 9}, List{5, 3, 6, 1, 0}}) == Value(27));
  CHECK(run_statements({call("SCANL1(min)", 0), call("ZIPWITH(-)", 0, 1), call("FILTER(>0)", 2),
                        call("SUM", 3)},
                       {List{8, 5, 7, 2, 5}}) == Value(5));
  CHECK(run_statements({call("SORT", 0), call("SORT", 1), call("REVERSE", 3),
                        call("ZIPWITH(*)", 2, 4), call("SUM", 5)},
                       {List{7, 3, 8, 2, 5}, List{2, 8, 9, 1, 3}}) == Value(79));
  CHECK(run_statements({call("REVERSE", 0), call("ZIPWITH(min)", 0, 1)}, {List{3, 7, 5, 2, 8}}) ==
        Value(List{3, 2, 5, 2, 3}));
  CHECK(run_statements(
            {call("MAP(-1)", 0), call("MAP(-1)", 1), call("ZIPWITH(+)", 2, 3), call("MINIMUM", 4)},
            {List{4, 8, 11, 2}, List{2, 3, 4, 1}}) == Value(1));
  CHECK(run_statements({call("SCANL1(+)", 1), call("ZIPWITH(*)", 0, 2), call("SUM", 3)},
                       {List{4, 7, 2, 3}, List{2, 1, 3, 1}}) == Value(62));
  CHECK(run_statements(
            {call("REVERSE", 0), call("ZIPWITH(-)", 1, 0), call("FILTER(>0)", 2), call("SUM", 3)},
            {List{1, 2, 4, 5, 7}}) == Value(9));
}

TEST_CASE("each operation on lists does what its name says") {
  const List list{3, -2, 5, -7};
  CHECK(result_of("HEAD", list) == Value(3));
  CHECK(result_of("LAST", list) == Value(-7));
  CHECK(result_of("MINIMUM", list) == Value(-7));
  CHECK(result_of("MAXIMUM", list) == Value(5));
  CHECK(result_of("SUM", list) == Value(-1));
  CHECK(result_of("COUNT(>0)", list) == Value(2));
  CHECK(result_of("COUNT(<0)", list) == Value(2));
  CHECK(result_of("COUNT(even)", list) == Value(1));
  CHECK(result_of("COUNT(odd)", list) == Value(3));
  CHECK(result_of("FILTER(>0)", list) == Value(List{3, 5}));
  CHECK(result_of("FILTER(<0)", list) == Value(List{-2, -7}));
  CHECK(result_of("FILTER(even)", list) == Value(List{-2}));
  CHECK(result_of("FILTER(odd)", list) == Value(List{3, 5, -7}));
  CHECK(result_of("REVERSE", list) == Value(List{-7, 5, -2, 3}));
  CHECK(result_of("SORT", list) == Value(List{-7, -2, 3, 5}));
}

TEST_CASE("each map applies its lambda, and divisions round down") {
  const List list{3, -2, 5, -7};
  CHECK(result_of("MAP(+1)", list) == Value(List{4, -1, 6, -6}));
  CHECK(result_of("MAP(-1)", list) == Value(List{2, -3, 4, -8}));
  CHECK(result_of("MAP(*2)", list) == Value(List{6, -4, 10, -14}));
  CHECK(result_of("MAP(/2)", list) == Value(List{1, -1, 2, -4}));
  CHECK(result_of("MAP(*-1)", list) == Value(List{-3, 2, -5, 7}));
  CHECK(result_of("MAP(**2)", list) == Value(List{9, 4, 25, 49}));
  CHECK(result_of("MAP(*3)", list) == Value(List{9, -6, 15, -21}));
  CHECK(result_of("MAP(/3)", list) == Value(List{1, -1, 1, -3}));
  CHECK(result_of("MAP(*4)", list) == Value(List{12, -8, 20, -28}));
  CHECK(result_of("MAP(/4)", list) == Value(List{0, -1, 1, -2}));
}

TEST_CASE("zips end with the shorter list and scans keep the length") {
  const List a{3, -2, 5};
  const List b{1, 4};
  CHECK(result_of("ZIPWITH(+)", a, b) == Value(List{4, 2}));
  CHECK(result_of("ZIPWITH(-)", a, b) == Value(List{2, -6}));
  CHECK(result_of("ZIPWITH(*)", a, b) == Value(List{3, -8}));
  CHECK(result_of("ZIPWITH(min)", a, b) == Value(List{1, -2}));
  CHECK(result_of("ZIPWITH(max)", a, b) == Value(List{3, 4}));
  CHECK(result_of("SCANL1(+)", a) == Value(List{3, 1, 6}));
  CHECK(result_of("SCANL1(-)", a) == Value(List{3, 5, 0}));
  CHECK(result_of("SCANL1(*)", a) == Value(List{3, -6, -30}));
  CHECK(result_of("SCANL1(min)", a) == Value(List{3, -2, -2}));
  CHECK(result_of("SCANL1(max)", a) == Value(List{3, 3, 5}));
}

TEST_CASE("TAKE and DROP take any number, ACCESS only that of an element") {
  const List list{3, -2, 5};
  CHECK(result_of("TAKE", 2, list) == Value(List{3, -2}));
  CHECK(result_of("TAKE", -1, list) == Value(List{}));
  CHECK(result_of("TAKE", 9, list) == Value(list));
  CHECK(result_of("DROP", 2, list) == Value(List{5}));
  CHECK(result_of("DROP", -1, list) == Value(list));
  CHECK(result_of("DROP", 9, list) == Value(List{}));
  CHECK(result_of("ACCESS", 0, list) == Value(3));
  CHECK(result_of("ACCESS", 2, list) == Value(5));
  CHECK(result_of("ACCESS", 3, list) == Value(Nothing{}));
  CHECK(result_of("ACCESS", -1, list) == Value(Nothing{}));
}

TEST_CASE("an empty list has no first element, and nothing gives nothing") {
  for (const char* name : {"HEAD", "LAST", "MINIMUM", "MAXIMUM"})
    CHECK(is_nothing(result_of(name, List{})));
  CHECK(result_of("SUM", List{}) == Value(0));
  CHECK(result_of("SCANL1(+)", List{}) == Value(List{}));
  CHECK(is_nothing(result_of("SORT", Nothing{})));
  CHECK(is_nothing(result_of("TAKE", Nothing{}, List{1})));
  CHECK(is_nothing(result_of("TAKE", 1, Nothing{})));
  CHECK(is_nothing(
      run_statements({call("FILTER(<0)", 0), call("HEAD", 1), call("TAKE", 2, 0)}, {List{1, 2}})));
}

TEST_CASE("numbers are clipped to one token each") {
  CHECK(result_of("MAP(**2)", List{15, 16, -17}) == Value(List{225, 255, 255}));
  CHECK(result_of("MAP(*4)", List{-64, -65}) == Value(List{-256, -256}));
  CHECK(result_of("MAP(*-1)", List{-256}) == Value(List{255}));
  CHECK(result_of("SUM", List{200, 200}) == Value(255));
  CHECK(clip(std::numeric_limits<long long>::max()) == 255);
  CHECK(clip(std::numeric_limits<long long>::min()) == -256);
}

TEST_CASE("a run ends with nothing at the limits of steps and size") {
  const std::vector<Statement> statements(4, call("MAP(+1)", 0));
  const std::vector<Value> inputs{List(50, 1)};
  CHECK(run_list_program(statements, inputs) == Value(List(50, 2)));
  CHECK(is_nothing(run_list_program(statements, inputs, {.steps = 100})));
  CHECK(is_nothing(run_list_program(statements, inputs, {.size = 49})));
}

TEST_CASE("laws of lists hold for random lists") {
  Random random(1, 0);
  for (int i = 0; i < 200; ++i) {
    List list(random.below(9));
    for (int& number : list) number = random.between(-256, 255);
    CAPTURE(to_text(list));
    CHECK(result_of("REVERSE", result_of("REVERSE", list)) == Value(list));
    CHECK(result_of("SORT", result_of("REVERSE", list)) == result_of("SORT", list));
    CHECK(result_of("HEAD", result_of("SORT", list)) == result_of("MINIMUM", list));
    CHECK(result_of("LAST", result_of("SCANL1(max)", list)) == result_of("MAXIMUM", list));
    CHECK(std::get<int>(result_of("COUNT(even)", list)) +
              std::get<int>(result_of("COUNT(odd)", list)) ==
          static_cast<int>(list.size()));
    List joined = std::get<List>(result_of("TAKE", 3, list));
    const List rest = std::get<List>(result_of("DROP", 3, list));
    joined.insert(joined.end(), rest.begin(), rest.end());
    CHECK(joined == list);
    const List tripled = std::get<List>(result_of("MAP(*3)", list));
    for (const int number : tripled) CHECK((number >= kSmallest && number <= kLargest));
  }
}
