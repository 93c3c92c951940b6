// SPDX-License-Identifier: Apache-2.0
#include "tutti/evaluate/selection_report.hpp"

#include <cmath>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;
using test::Approx;
using test::contains;

TEST_CASE("a selection lies between one random candidate and the oracle") {
  SelectionReport report;
  report.add_problem(std::vector<double>{1, 0, 0, 0}, 0);  // found the only solution
  report.add_problem(std::vector<double>{0, 1, 0, 1}, 2);  // missed both
  report.add_problem(std::vector<double>{0, 0, 0, 0}, 3);  // nothing to find
  report.add_problem(std::vector<double>{1, 1, 1, 0}, 1);
  const SelectionSummary summary = report.summary({.resamples = 1000});
  CHECK(report.problems() == 4);
  CHECK(summary.random.estimate == Approx((0.25 + 0.5 + 0 + 0.75) / 4));
  CHECK(summary.selected.estimate == Approx(0.5));
  CHECK(summary.oracle.estimate == Approx(0.75));
  CHECK(summary.gap_recovered.estimate == Approx((0.5 - 0.375) / (0.75 - 0.375)));
  CHECK(summary.random.low <= summary.random.estimate);
  CHECK(summary.random.high >= summary.random.estimate);
}

TEST_CASE("a perfect selector recovers the whole gap, in every resample that has one") {
  SelectionReport report;
  for (int i = 0; i < 10; ++i) {
    report.add_problem(std::vector<double>{0, 1}, 1);
    report.add_problem(std::vector<double>{1, 0}, 0);
  }
  const SelectionSummary summary = report.summary({.resamples = 1000});
  CHECK(summary.gap_recovered.low == 1);
  CHECK(summary.gap_recovered.high == 1);
  CHECK(summary.gap_recovered.undefined == 0);
}

TEST_CASE("a selector that is worse than chance recovers less than nothing") {
  SelectionReport report;
  report.add_problem(std::vector<double>{1, 1, 0, 1}, 2);
  CHECK(report.summary({.resamples = 10}).gap_recovered.estimate == Approx((0 - 0.75) / 0.25));
}

TEST_CASE("where all candidates are alike there is no gap to recover") {
  SelectionReport report;
  report.add_problem(std::vector<double>{1, 1}, 0);
  const SelectionSummary summary = report.summary({.resamples = 10});
  CHECK(summary.selected.estimate == 1);
  CHECK(std::isnan(summary.gap_recovered.estimate));
  CHECK(summary.gap_recovered.undefined == 10);
  for (const double worth : {0.1, 0.2, 0.4, 1.0 / 3}) {  // whose sums are rounded
    SelectionReport alike;
    alike.add_problem(std::vector<double>(6, worth), 0);
    CHECK(std::isnan(alike.summary({.resamples = 10}).gap_recovered.estimate));
  }
}

TEST_CASE("selections of two systems are compared problem by problem") {
  SelectionReport right;
  SelectionReport wrong;
  for (int i = 0; i < 5; ++i) {
    right.add_problem(std::vector<double>{0, 1}, 1);
    wrong.add_problem(std::vector<double>{0, 1}, 0);
  }
  CHECK(bootstrap_difference(right.selected(), wrong.selected(), {.resamples = 100}).low == 1);
}

TEST_CASE("a report refuses a pick that is no candidate") {
  SelectionReport report;
  CHECK_THROWS_WITH(report.add_problem(std::vector<double>{0, 1}, 2),
                    contains("candidate 2 was picked of 2"));
  CHECK_THROWS_AS(report.add_problem({}, 0), OptionError);
  CHECK_THROWS_WITH(report.summary(), contains("0 problems"));
}
