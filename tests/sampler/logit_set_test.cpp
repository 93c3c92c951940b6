// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/logit_set.hpp"

#include <limits>
#include <utility>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/infinity.hpp"

using namespace tutti;
using tutti::test::Approx;
using tutti::test::contains;
using tutti::test::kInfinity;
using tutti::test::stepped_waves;

namespace {

using Entries = std::vector<TokenLogit>;

Entries entries_of(LogitSet& candidates) {
  const std::span<const TokenLogit> entries = candidates.entries();
  return {entries.begin(), entries.end()};
}

LogitSet candidates_of(const std::vector<float>& logits) {
  LogitSet candidates;
  candidates.assign(logits);
  return candidates;
}

}  // namespace

TEST_CASE("candidates begin with the whole vocabulary") {
  LogitSet candidates = candidates_of({1.0F, -2.0F, 0.5F});
  CHECK(candidates.is_dense());
  CHECK(candidates.size() == 3);
  CHECK(candidates.dense_logits()[1] == -2.0F);
  CHECK(candidates.list().empty());
}

TEST_CASE("as a list, candidates lack the tokens at minus infinity") {
  LogitSet candidates = candidates_of({1.0F, -kInfinity, 0.5F});
  CHECK(entries_of(candidates) == Entries{{0, 1.0F}, {2, 0.5F}});
  CHECK_FALSE(candidates.is_dense());
  CHECK(candidates.dense_logits().empty());
  CHECK(candidates.vocabulary_size() == 3);
}

TEST_CASE("the largest candidates come sorted, of equal ones the lowest tokens") {
  LogitSet candidates = candidates_of({2.0F, 3.0F, 1.0F, 3.0F, 2.0F, 2.0F});
  candidates.keep_largest(4);
  CHECK(candidates.is_sorted());
  CHECK(entries_of(candidates) == Entries{{1, 3.0F}, {3, 3.0F}, {0, 2.0F}, {4, 2.0F}});
  candidates.keep_largest(3);
  CHECK(entries_of(candidates) == Entries{{1, 3.0F}, {3, 3.0F}, {0, 2.0F}});
}

TEST_CASE("more candidates than there are means all") {
  LogitSet candidates = candidates_of({1.0F, 3.0F, -kInfinity});
  candidates.keep_largest(1000);
  CHECK(entries_of(candidates) == Entries{{1, 3.0F}, {0, 1.0F}});
}

TEST_CASE("the largest candidates of a big vocabulary are those of a full sort") {
  for (const std::size_t vocabulary : {1U, 255U, 257U, 5000U, 20000U}) {
    const std::vector<float> logits = stepped_waves(vocabulary);
    LogitSet sorted = candidates_of(logits);
    sorted.sort();
    for (const std::size_t k : {0U, 1U, 2U, 40U, 300U, 4000U}) {
      LogitSet candidates = candidates_of(logits);
      candidates.keep_largest(k);
      const Entries expected(
          sorted.list().begin(),
          sorted.list().begin() + static_cast<std::ptrdiff_t>(std::min(k, vocabulary)));
      CHECK(entries_of(candidates) == expected);
    }
    CHECK(std::is_sorted(sorted.list().begin(), sorted.list().end(), ranks_before));
    CHECK(sorted.size() == vocabulary);
  }
}

TEST_CASE("candidates at a threshold stay") {
  LogitSet candidates = candidates_of({1.0F, 2.0F, 3.0F, 1.5F});
  candidates.keep_at_least(1.5F);
  CHECK(entries_of(candidates) == Entries{{1, 2.0F}, {2, 3.0F}, {3, 1.5F}});
  candidates.keep_at_least(2.0F);
  CHECK(entries_of(candidates) == Entries{{1, 2.0F}, {2, 3.0F}});
}

TEST_CASE("a predicate, a change, a bias and a cut act on a vocabulary and on a list alike") {
  for (const bool as_list : {false, true}) {
    LogitSet candidates = candidates_of({1.0F, 2.0F, 3.0F, 4.0F});
    if (as_list) static_cast<void>(candidates.entries());
    candidates.transform_logits(
        [](Token token, float logit) { return token == 3 ? -1.0F : logit; });
    candidates.add_to_logit(0, 5.0F);
    candidates.scale_logits(2.0F);
    candidates.keep_if([](const TokenLogit& entry) { return entry.token != 1; });
    CHECK(entries_of(candidates) == Entries{{0, 12.0F}, {2, 6.0F}, {3, -2.0F}});
    candidates.keep_first(2);
    CHECK(entries_of(candidates) == Entries{{0, 12.0F}, {2, 6.0F}});
  }
}

TEST_CASE("a sorted list stays sorted when it is scaled or cut, not when logits change") {
  LogitSet candidates = candidates_of({1.0F, 2.0F, 3.0F});
  candidates.sort();
  candidates.scale_logits(0.5F);
  candidates.keep_at_least(1.0F);
  CHECK(candidates.is_sorted());
  candidates.add_to_logit(1, 9.0F);
  CHECK_FALSE(candidates.is_sorted());
  candidates.sort();
  CHECK(entries_of(candidates) == Entries{{1, 10.0F}, {2, 1.5F}});
}

TEST_CASE("the mass is the sum of exponentials above a threshold") {
  LogitSet candidates = candidates_of(
      {std::log(2.0F), std::log(3.0F), -kInfinity, std::log(10.0F)});
  CHECK(candidates.mass(0.0F) == Approx(15.0).epsilon(1e-6));
  CHECK(candidates.mass(0.0F, 1.0F) == Approx(13.0).epsilon(1e-6));
  static_cast<void>(candidates.entries());
  CHECK(candidates.mass(0.0F) == Approx(15.0).epsilon(1e-6));
  CHECK(candidates.mass(std::log(10.0F), 1.0F) == Approx(1.3).epsilon(1e-6));
}

TEST_CASE("the entries that first reach a mass stay, sorted before or not") {
  const std::vector<float> logits{std::log(2.0F), std::log(8.0F), std::log(4.0F), std::log(1.0F)};
  for (const bool sorted_before : {false, true}) {
    for (const auto& [wanted, kept] : {std::pair{0.0, 1U}, std::pair{7.9, 1U}, std::pair{8.1, 2U},
                                       std::pair{13.0, 3U}, std::pair{99.0, 4U}}) {
      LogitSet candidates = candidates_of(logits);
      if (sorted_before) candidates.sort();
      candidates.keep_mass(wanted, 0.0F);
      CHECK(candidates.size() == kept);
      CHECK(candidates.list()[0].token == 1);
    }
  }
}

TEST_CASE("of a long list with equal logits the lowest tokens reach the mass") {
  LogitSet candidates = candidates_of(std::vector<float>(1000, 0.0F));
  candidates.keep_mass(600.0, 0.0F);
  candidates.sort();
  CHECK(candidates.size() == 600);
  CHECK(candidates.list().back().token == 599);
}

TEST_CASE("nothing of an earlier use shows") {
  LogitSet candidates = candidates_of(stepped_waves(1000));
  candidates.keep_largest(7);
  candidates.assign(std::vector<float>{1.0F, 2.0F});
  CHECK(candidates.is_dense());
  CHECK_FALSE(candidates.is_sorted());
  CHECK(entries_of(candidates) == Entries{{0, 1.0F}, {1, 2.0F}});
}

TEST_CASE("bad logits are refused with their token") {
  LogitSet candidates;
  CHECK_THROWS_WITH(
      candidates.assign(std::vector<float>{0.0F, std::numeric_limits<float>::quiet_NaN()}),
      contains("token 1 of 2"));
  CHECK_THROWS_AS(candidates.assign(std::vector<float>(3, -kInfinity)), NumericError);
  CHECK_THROWS_AS(candidates.assign({}), NumericError);
}

TEST_CASE("the largest logit of a list is checked as that of a row is") {
  LogitSet candidates = candidates_of({1.0F, 2.0F});
  static_cast<void>(candidates.entries());
  CHECK(candidates.largest_logit() == 2.0F);
  candidates.transform_logits([](Token, float) { return std::numeric_limits<float>::quiet_NaN(); });
  CHECK_THROWS_WITH(candidates.largest_logit(), contains("token 0"));
  candidates.keep_if([](const TokenLogit&) { return false; });
  CHECK_THROWS_WITH(candidates.largest_logit(), contains("no token left"));
}
