// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cpu/attention/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::cpu;
using tutti::test::Approx;
using tutti::test::random_floats;

namespace {

/// Keys and values of `positions` positions in the chunks that they need; unused elements are NaN.
template <class T>
struct Cache {
  std::size_t head_dim;
  std::vector<std::vector<T>> keys, values;
  std::vector<float> key_rows, value_rows;  // as stored, decoded

  Cache(std::size_t dim, std::size_t positions, float scale = 1.0F)
      : head_dim(dim),
        key_rows(random_floats(positions * dim, 1)),
        value_rows(random_floats(positions * dim, 2)) {
    for (float& key : key_rows) key *= scale;
    for (std::size_t p = 0; p < positions; ++p) {
      if (p % kPagePositions == 0) {
        T nan;
        std::memset(static_cast<void*>(&nan), 0xFF, sizeof nan);
        keys.emplace_back(dim * kPagePositions, nan);
        values.emplace_back(dim * kPagePositions, nan);
      }
      store_key_value(keys.back().data(), values.back().data(), dim, p % kPagePositions,
                      &key_rows[p * dim], &value_rows[p * dim]);
      for (std::size_t i = 0; i < dim; ++i) {
        key_rows[p * dim + i] = decode(keys.back()[i * kPagePositions + p % kPagePositions]);
        value_rows[p * dim + i] = decode(values.back()[p % kPagePositions * dim + i]);
      }
    }
  }

  static float decode(T x) {
    if constexpr (std::is_same_v<T, float>) {
      return x;
    } else {
      return to_float(x);
    }
  }
};

/// Query i attends to the first visible[i] positions; all queries process the chunks together.
template <class T>
std::vector<float> attend(const Cache<T>& cache, const std::vector<float>& q,
                          const std::vector<std::size_t>& visible) {
  const std::size_t dim = cache.head_dim;
  std::vector<float> out(q.size(), 0.0F);
  std::vector<AttentionQuery> queries(visible.size());
  for (std::size_t i = 0; i < visible.size(); ++i) queries[i] = {&q[i * dim], &out[i * dim]};
  const std::size_t most = *std::max_element(visible.begin(), visible.end());
  for (std::size_t first = 0, c = 0; first < most; first += kPagePositions, ++c) {
    std::vector<AttentionQuery> some;
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < visible.size(); ++i) {
      if (visible[i] <= first) continue;
      queries[i].positions = std::min(visible[i] - first, kPagePositions);
      some.push_back(queries[i]);
      which.push_back(i);
    }
    attend_chunk(some, dim, cache.keys[c].data(), cache.values[c].data());
    for (std::size_t i = 0; i < which.size(); ++i) queries[which[i]] = some[i];
  }
  for (AttentionQuery& query : queries) finish_attention(query, dim);
  return out;
}

template <class T>
double worst_error(const Cache<T>& cache, const std::vector<float>& q,
                   const std::vector<std::size_t>& visible) {
  const std::size_t dim = cache.head_dim;
  const std::vector<float> out = attend(cache, q, visible);
  double worst = 0.0;
  for (std::size_t i = 0; i < visible.size(); ++i) {
    std::vector<double> weights(visible[i]);
    for (std::size_t p = 0; p < visible[i]; ++p) {
      for (std::size_t d = 0; d < dim; ++d)
        weights[p] += static_cast<double>(q[i * dim + d]) *
                      static_cast<double>(cache.key_rows[p * dim + d]);
    }
    const double largest = *std::max_element(weights.begin(), weights.end());
    double sum = 0.0;
    for (double& weight : weights) sum += weight = std::exp(weight - largest);
    for (std::size_t d = 0; d < dim; ++d) {
      double expected = 0.0;
      for (std::size_t p = 0; p < visible[i]; ++p)
        expected += weights[p] / sum * static_cast<double>(cache.value_rows[p * dim + d]);
      worst = std::max(worst, std::fabs(expected - static_cast<double>(out[i * dim + d])));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("a single position is returned whatever its score") {
  Cache<float> cache(8, 1);
  CHECK(attend(cache, std::vector<float>(8, 3.0F), {1}) == cache.value_rows);
}

TEST_CASE("two positions whose scores differ by ln 3 are weighted 3 to 1") {
  std::vector<float> keys(8 * kPagePositions), values(8 * kPagePositions);
  const std::vector<float> zeros(8, 0.0F), fours(8, 4.0F), eights(8, 8.0F);
  std::vector<float> key = zeros;
  key[5] = std::log(3.0F);
  store_key_value(keys.data(), values.data(), 8, 0, key.data(), fours.data());
  store_key_value(keys.data(), values.data(), 8, 1, zeros.data(), eights.data());
  std::vector<float> q = zeros, out = zeros;
  q[5] = 1.0F;
  AttentionQuery query{.query = q.data(), .output = out.data(), .positions = 2};
  attend_chunk({&query, 1}, 8, keys.data(), values.data());
  finish_attention(query, 8);
  for (const float value : out) CHECK(value == Approx(5.0F).epsilon(1e-6));
}

TEMPLATE_TEST_CASE("attention agrees with a softmax in double", "", float, Float16, BFloat16) {
  for (const std::size_t dim : {8U, 16U, 20U, 64U, 80U, 96U, 128U, 256U}) {
    const Cache<TestType> cache(dim, 200);
    for (const std::size_t visible : {1U, 3U, 63U, 64U, 65U, 130U, 200U}) {
      CAPTURE(dim, visible);
      CHECK(worst_error(cache, random_floats(dim, 9), {visible}) < 5e-6);
    }
  }
}

TEST_CASE("large scores neither overflow nor lose the small ones' sum") {
  const Cache<float> cache(64, 150, 300.0F);
  CHECK(worst_error(cache, random_floats(64, 9), {150}) < 1e-5);
}

TEMPLATE_TEST_CASE("a query's bits do not depend on the queries that share its chunks", "", float,
                   Float16, BFloat16) {
  const std::size_t dim = 80;
  const Cache<TestType> cache(dim, 140);
  const std::vector<float> q = random_floats(8 * dim, 9);
  const std::vector<std::size_t> visible = {140, 1, 64, 65, 139, 63, 128, 100};
  const std::vector<float> together = attend(cache, q, visible);
  for (std::size_t i = 0; i < 8; ++i) {
    const std::vector<float> alone = attend(
        cache,
        {q.begin() + static_cast<std::ptrdiff_t>(i * dim),
         q.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim)},
        {visible[i]});
    CHECK(std::memcmp(alone.data(), &together[i * dim], dim * sizeof(float)) == 0);
  }
}

TEST_CASE("a NaN in the query reaches its output") {
  const Cache<float> cache(16, 10);
  std::vector<float> q = random_floats(16, 9);
  q[3] = std::numeric_limits<float>::quiet_NaN();
  for (const float value : attend(cache, q, {10})) CHECK(std::isnan(value));
}
