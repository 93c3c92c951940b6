// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/attention/paged_attention.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/float_matrix.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

constexpr std::size_t kDim = 8;

/// Keys and values of one sequence of `length` positions; those in [poison_first, poison_last) are
/// NaN.
struct Sequence {
  std::vector<float> keys, values;
  cpu::KvStorage pages{KvShape{1, 1, kDim, KvType::f32}};

  Sequence(std::size_t length, std::size_t poison_first, std::size_t poison_last)
      : keys(random_floats(length * kDim, 1)), values(random_floats(length * kDim, 2)) {
    pages.reserve((length + kPagePositions - 1) / kPagePositions);
    const std::vector<float> poison(kDim, std::numeric_limits<float>::quiet_NaN());
    for (std::size_t p = 0; p < length; ++p) {
      const bool poisoned = p >= poison_first && p < poison_last;
      pages.write(
          {static_cast<PageId>(p / kPagePositions), static_cast<std::uint32_t>(p % kPagePositions)},
          0, poisoned ? poison.data() : &keys[p * kDim],
          poisoned ? poison.data() : &values[p * kDim]);
    }
  }
};

/// Rows at the positions [first, last), each attending to the pages up to its own position.
Batch rows_at(std::size_t first, std::size_t last) {
  Batch batch;
  batch.span_begin.push_back(0);
  for (std::size_t p = first; p < last; ++p) {
    batch.rows.push_back({0, 0, static_cast<std::uint32_t>(p), 0});
    for (std::size_t begin = 0; begin <= p; begin += kPagePositions) {
      batch.spans.push_back({static_cast<PageId>(begin / kPagePositions),
                             static_cast<std::uint32_t>(std::min(p + 1 - begin, kPagePositions))});
    }
    batch.span_begin.push_back(batch.spans.size());
  }
  return batch;
}

AttentionShape shape_with(std::size_t window) {
  AttentionShape shape;
  shape.heads = 1;
  shape.kv_heads = 1;
  shape.head_dim = kDim;
  shape.window = window;
  return shape;
}

cpu::FloatMatrix attend(const Sequence& sequence, std::size_t window, const Batch& batch,
                        std::uint32_t seed) {
  cpu::FloatMatrix q(batch.size(), kDim), out(batch.size(), kDim);
  for (std::size_t r = 0; r < batch.size(); ++r) {
    const std::vector<float> row = random_floats(kDim, seed + batch.rows[r].position);
    std::copy(row.begin(), row.end(), q.row(r));
  }
  ThreadPool pool(1);
  cpu::attend_pages(shape_with(window), 0, batch, sequence.pages, q.view(), out.view(), pool);
  return out;
}

}  // namespace

TEST_CASE("Rows attend to the positions of their window and no others", "[paged_attention]") {
  for (const std::size_t window : {1U, 3U, 40U, 64U, 65U, 100U, 300U}) {
    INFO(window);
    const std::size_t first = 90, last = 200;
    // Positions that no row attends to are NaN, which would propagate.
    const Sequence sequence(last, 0, first + 1 - std::min<std::size_t>(window, first + 1));
    const Batch batch = rows_at(first, last);
    const cpu::FloatMatrix out = attend(sequence, window, batch, 50);
    for (std::size_t r = 0; r < batch.size(); ++r) {
      const std::size_t position = first + r;
      const std::vector<float> q = random_floats(kDim, static_cast<std::uint32_t>(50 + position));
      std::vector<double> expected(kDim, 0.0);
      double total = 0;
      for (std::size_t p = position + 1 - std::min(window, position + 1); p <= position; ++p) {
        double score = 0;
        for (std::size_t i = 0; i < kDim; ++i)
          score += static_cast<double>(q[i]) * static_cast<double>(sequence.keys[p * kDim + i]);
        total += std::exp(score);
        for (std::size_t i = 0; i < kDim; ++i)
          expected[i] += std::exp(score) * static_cast<double>(sequence.values[p * kDim + i]);
      }
      for (std::size_t i = 0; i < kDim; ++i)
        CHECK(out.row(r)[i] == Approx(expected[i] / total).margin(1e-5));
    }
  }
}

TEST_CASE("A row with a window has the same bits alone and among its neighbors",
          "[paged_attention]") {
  for (const std::size_t window : {3U, 40U, 64U, 100U}) {
    INFO(window);
    const Sequence sequence(200, 0, 0);
    const cpu::FloatMatrix together = attend(sequence, window, rows_at(60, 200), 50);
    for (const std::size_t position : {60U, 63U, 64U, 101U, 127U, 128U, 199U}) {
      const cpu::FloatMatrix alone = attend(sequence, window, rows_at(position, position + 1), 50);
      CHECK(std::equal(alone.row(0), alone.row(0) + kDim, together.row(position - 60)));
    }
  }
}
