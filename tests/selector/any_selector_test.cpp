// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/any_selector.hpp"

#include "tests/selector/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/selector/majority_vote.hpp"
#include "tutti/selector/prefer_finished.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Any selector holds any selector", "[any_selector]") {
  const auto candidates = scored_candidates({{"a", 1}, {"b", 2}, {"a", 0}});
  AnySelector selector;
  CHECK(selector.select(candidates).index == 1);
  selector = MajorityVote<>{};
  CHECK(selector.select(candidates).index == 0);
  selector = PreferFinished<AnySelector>(BestOfN{});
  CHECK(selector.select(candidates).index == 1);
}
