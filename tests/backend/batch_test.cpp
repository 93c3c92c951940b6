// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/batch.hpp"

#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;

TEST_CASE("Rows are grouped by expert, and each sees its own past and itself", "[batch]") {
  KvPageTable cache(10);
  const SequenceId a = cache.create();
  const SequenceId b = cache.create();
  const std::vector<Row> rows{{0, a, 0, 7}, {0, a, 1, 8}, {3, b, 0, 7}};
  const Batch batch = plan_batch(rows, cache);
  REQUIRE(batch.groups.size() == 2);
  CHECK(batch.groups[0].expert == 0);
  CHECK(batch.groups[0].count == 2);
  CHECK(batch.groups[1].expert == 3);
  CHECK(batch.groups[1].first == 2);
  REQUIRE(batch.spans_of(1).size() == 1);
  CHECK(batch.spans_of(0)[0] == PageSpan{0, 1});
  CHECK(batch.spans_of(1)[0] == PageSpan{0, 2});
  CHECK(batch.spans_of(2)[0] == PageSpan{1, 1});
  CHECK(batch.slots[1].offset == 1);
}

TEST_CASE("A batch may be empty", "[batch]") {
  KvPageTable cache(1);
  CHECK(plan_batch({}, cache).groups.empty());
}

TEST_CASE("Rows out of order are refused", "[batch]") {
  KvPageTable cache(10);
  const SequenceId a = cache.create();
  const std::vector<Row> skipping{{0, a, 1, 7}};
  CHECK_THROWS_WITH(plan_batch(skipping, cache), contains("position 1 in a sequence of 0 tokens"));
  const std::vector<Row> descending{{1, a, 0, 7}, {0, a, 1, 7}};
  CHECK_THROWS_WITH(plan_batch(descending, cache), contains("expert 0 but follows expert 1"));
}

TEST_CASE("Rows that do not fit into the cache change nothing", "[batch]") {
  KvPageTable cache(2);
  const SequenceId a = cache.create();
  const std::vector<Row> first{{0, a, 0, 7}};
  (void)plan_batch(first, cache);
  const SequenceId b = cache.fork(a, 1), c = cache.fork(a, 1);
  const std::vector<Row> rows{{0, b, 1, 7}, {0, c, 1, 7}};
  CHECK_THROWS_AS(plan_batch(rows, cache), CapacityError);
  CHECK_THROWS_WITH(plan_batch(rows, cache), contains("2 more pages are needed, and 1 of all 2"));
  CHECK(cache.length(b) == 1);
  const Batch batch = plan_batch(std::span(rows).first(1), cache);
  CHECK(batch.copies == std::vector<PageCopy>{{0, 1}});
  CHECK(batch.spans_of(0)[0] == PageSpan{1, 2});
}

TEST_CASE("Groups of chosen rows count within the chosen", "[batch]") {
  KvPageTable cache(10);
  std::vector<Row> rows;
  for (std::uint32_t e : {0U, 1U, 2U}) {
    const SequenceId sequence = cache.create();
    rows.push_back({e, sequence, 0, 1});
    rows.push_back({e, sequence, 1, 1});
  }
  const Batch batch = plan_batch(rows, cache);
  const std::vector<std::uint32_t> outputs{1, 4, 5};
  const std::vector<RowGroup> groups = groups_of(batch, outputs);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].expert == 0);
  CHECK(groups[0].count == 1);
  CHECK(groups[1].expert == 2);
  CHECK(groups[1].first == 1);
  CHECK(groups[1].count == 2);
}

TEST_CASE("A window begins in the page that holds its first position", "[batch]") {
  const std::vector<PageSpan> spans{{7, 64}, {3, 64}, {9, 5}};  // 133 positions
  const auto check = [&](std::size_t window, std::size_t span, std::size_t position) {
    const WindowStart start = window_start(spans, window);
    CHECK(start.span == span);
    CHECK(start.position == position);
  };
  check(0, 0, 0);
  check(1, 2, 4);
  check(5, 2, 0);
  check(6, 1, 63);
  check(69, 1, 0);
  check(70, 0, 63);
  check(132, 0, 1);
  check(133, 0, 0);
  check(134, 0, 0);
}
