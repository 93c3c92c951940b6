// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/kv_page_table.hpp"

#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;

namespace {

void append(KvPageTable& cache, SequenceId sequence, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) (void)cache.append(sequence);
}

using Spans = std::vector<PageSpan>;

}  // namespace

TEST_CASE("A sequence fills one page after the other", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId sequence = cache.create();
  append(cache, sequence, kPagePositions);
  const PageSlot slot = cache.append(sequence);
  CHECK(slot.page == 1);
  CHECK(slot.offset == 0);
  CHECK(cache.length(sequence) == kPagePositions + 1);
  CHECK(cache.spans(sequence, kPagePositions + 1) == Spans{{0, 64}, {1, 1}});
  CHECK(cache.spans(sequence, 10) == Spans{{0, 10}});
}

TEST_CASE("Samples share the pages of their prompt and begin pages of their own",
          "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId prompt = cache.create();
  append(cache, prompt, 70);
  const SequenceId first = cache.fork(prompt, 70);
  const SequenceId second = cache.fork(prompt, 70);
  append(cache, first, 2);
  append(cache, second, 1);
  CHECK(cache.spans(first, 72) == Spans{{0, 64}, {1, 6}, {2, 2}});
  CHECK(cache.spans(second, 71) == Spans{{0, 64}, {1, 6}, {3, 1}});
  CHECK(cache.pages_in_use() == 4);
}

TEST_CASE("What a parent appends after the fork is not the child's", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId parent = cache.create();
  append(cache, parent, 5);
  const SequenceId child = cache.fork(parent, 3);
  append(cache, parent, 5);
  append(cache, child, 1);
  CHECK(cache.length(child) == 4);
  CHECK(cache.spans(child, 4) == Spans{{0, 3}, {1, 1}});
}

TEST_CASE("A fork of a fork shares both prefixes", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId a = cache.create();
  append(cache, a, 2);
  const SequenceId b = cache.fork(a, 2);
  append(cache, b, 3);
  const SequenceId c = cache.fork(b, 4);
  append(cache, c, 1);
  CHECK(cache.spans(c, 5) == Spans{{0, 2}, {1, 2}, {2, 1}});
}

TEST_CASE("Pages return to the pool when their last user is released", "[kv_page_table]") {
  KvPageTable cache(3);
  const SequenceId prompt = cache.create();
  append(cache, prompt, 1);
  const SequenceId sample = cache.fork(prompt, 1);
  append(cache, sample, 1);
  cache.release(prompt);
  CHECK(cache.pages_in_use() == 2);
  cache.release(sample);
  CHECK(cache.pages_in_use() == 0);
  const SequenceId next = cache.create();
  append(cache, next, 3 * kPagePositions);
  CHECK(cache.pages_needed() == 3);
}

TEST_CASE("A full cache says how many pages it has, and works on after a release",
          "[kv_page_table]") {
  KvPageTable cache(2);
  const SequenceId sequence = cache.create();
  append(cache, sequence, 2 * kPagePositions);
  CHECK_THROWS_AS(cache.append(sequence), CapacityError);
  CHECK_THROWS_WITH(cache.append(sequence), contains("all 2 pages of 64 positions are in use"));
  cache.clear();
  const SequenceId again = cache.create();
  CHECK(cache.append(again).page == 0);
}

TEST_CASE("Sequences that do not exist and forks beyond the end are refused", "[kv_page_table]") {
  KvPageTable cache(2);
  const SequenceId sequence = cache.create();
  append(cache, sequence, 4);
  CHECK_THROWS_WITH(cache.fork(sequence, 5), contains("5 positions of a sequence that has 4"));
  CHECK_THROWS_AS(cache.length(7), OptionError);
  cache.release(sequence);
  CHECK_THROWS_AS(cache.append(sequence), OptionError);
}
