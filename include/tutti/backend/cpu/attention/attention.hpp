// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention of queries over one chunk of the KV cache at a time, with the running softmax of
// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018). Chunks hold
// kPagePositions positions of one layer and kv head: keys transposed, [head_dim][kPagePositions],
// so that lanes run along positions, and values as [kPagePositions][head_dim]. Several queries (the
// heads of a group, the rows of a prefill) share the loads of a chunk; the result of a query does
// not depend on the others.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/cpu/attention/attention_query.hpp"
#include "tutti/backend/cpu/product/column_product.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/backend/kv_page_table.hpp"

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Rounds a row to the element type of the cache.
template <class T>
void convert_row(const float* from, T* to, std::size_t count) {
  if constexpr (std::is_same_v<T, Float16>) {
    const std::size_t whole = count - count % kLanes;
    for (std::size_t i = 0; i < whole; i += kLanes) store_halves(to + i, load(from + i));
    std::transform(from + whole, from + count, to + whole, to_float16);
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    std::transform(from, from + count, to, to_bfloat16);
  } else {
    std::copy_n(from, count, to);
  }
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

/// Stores one position's key and value, `head_dim` floats each, as position `offset` of a chunk.
template <class T>
void store_key_value(T* keys, T* values, std::size_t head_dim, std::size_t offset, const float* key,
                     const float* value) {
  T* row = values + offset * head_dim;
  // The value's row serves as temporary memory for the key, which is scattered from there.
  detail::convert_row(key, row, head_dim);
  for (std::size_t i = 0; i < head_dim; ++i) keys[i * kPagePositions + offset] = row[i];
  detail::convert_row(value, row, head_dim);
}

}  // namespace tutti::cpu::inline TUTTI_ABI

namespace tutti::cpu::detail::inline TUTTI_ABI {

/// Replaces scores by weights exp(score - largest), 0 outside the query's positions, and rescales
/// the query's running sums.
inline void update_softmax(AttentionQuery& query, std::size_t head_dim, float* scores) {
  std::fill(scores, scores + query.first, -std::numeric_limits<float>::infinity());
  std::fill(scores + query.positions, scores + kPagePositions,
            -std::numeric_limits<float>::infinity());
  FloatLanes largest = broadcast(query.largest);
  for (std::size_t j = 0; j < kPagePositions; j += kLanes) largest = max(load(scores + j), largest);
  const float new_largest = maximum(largest);
  FloatLanes sum_of_weights = broadcast(0.0F);
  for (std::size_t j = 0; j < kPagePositions; j += kLanes) {
    const FloatLanes weight = exp(load(scores + j) - broadcast(new_largest));
    store(scores + j, weight);
    sum_of_weights = sum_of_weights + weight;
  }
  if (new_largest > query.largest) {
    const float correction = std::exp(query.largest - new_largest);
    query.largest = new_largest;
    query.sum *= correction;
    std::size_t i = 0;
    for (; i + kLanes <= head_dim; i += kLanes)
      store(query.output + i, load(query.output + i) * broadcast(correction));
    for (; i < head_dim; ++i) query.output[i] *= correction;
  }
  query.sum += sum(sum_of_weights);
}

template <std::size_t Q, class T>
void attend_tile(AttentionQuery* queries, std::size_t head_dim, const T* keys, const T* values) {
  alignas(64) float scores[Q][kPagePositions] = {};
  const float* query_rows[Q];
  float* score_rows[Q];
  const float* weight_rows[Q];
  float* outputs[Q];
  std::size_t most = 0;
  std::size_t begin = 0;  // of the positions that all queries see
  std::size_t end = kPagePositions;
  for (std::size_t q = 0; q < Q; ++q) {
    query_rows[q] = queries[q].query;
    weight_rows[q] = score_rows[q] = scores[q];
    outputs[q] = queries[q].output;
    most = std::max(most, queries[q].positions);
    begin = std::max(begin, queries[q].first);
    end = std::min(end, queries[q].positions);
  }
  accumulate_rows(query_rows, 0, head_dim, keys, kPagePositions, score_rows,
                  round_up(most, kLanes));
  for (std::size_t q = 0; q < Q; ++q) update_softmax(queries[q], head_dim, scores[q]);
  // Positions visible to only some of the queries, before and after those visible to all, are added
  // per query: weights of 0 would give NaN for infinite values. Each query still adds its positions
  // in ascending order.
  begin = std::min(begin, end);
  const auto add_alone = [&](std::size_t q, std::size_t from, std::size_t to) {
    const float* const weights[1] = {scores[q]};
    float* const output[1] = {outputs[q]};
    if (from < to) accumulate_rows(weights, from, to, values, head_dim, output, head_dim);
  };
  for (std::size_t q = 0; q < Q; ++q)
    add_alone(q, queries[q].first, std::min(begin, queries[q].positions));
  accumulate_rows(weight_rows, begin, end, values, head_dim, outputs, head_dim);
  for (std::size_t q = 0; q < Q; ++q)
    add_alone(q, std::max(end, queries[q].first), queries[q].positions);
}

}  // namespace tutti::cpu::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

/// Adds one chunk to every query. All queries have the same kv head.
template <class T>
void attend_chunk(std::span<AttentionQuery> queries, std::size_t head_dim, const T* keys,
                  const T* values) {
  detail::for_row_tiles(queries.size(), [&](auto count, std::size_t q) {
    detail::attend_tile<count>(queries.data() + q, head_dim, keys, values);
  });
}

/// The same for a chunk whose elements are of `type`.
inline void attend_chunk(KvType type, std::span<AttentionQuery> queries, std::size_t head_dim,
                         const KvChunk& chunk) {
  with_kv_type(type, [&](auto element) {
    using T = decltype(element);
    attend_chunk(queries, head_dim, reinterpret_cast<const T*>(chunk.keys),
                 reinterpret_cast<const T*>(chunk.values));
  });
}

/// As store_key_value, into a chunk whose elements are of `type`.
inline void store_key_value(KvType type, std::byte* keys, std::byte* values, std::size_t head_dim,
                            std::size_t offset, const float* key, const float* value) {
  with_kv_type(type, [&](auto element) {
    using T = decltype(element);
    store_key_value(reinterpret_cast<T*>(keys), reinterpret_cast<T*>(values), head_dim, offset, key,
                    value);
  });
}

/// Divides by the sum of the weights; the query has seen at least one position.
inline void finish_attention(AttentionQuery& query, std::size_t head_dim) {
  const float inverse = 1.0F / query.sum;
  for (std::size_t i = 0; i < head_dim; ++i) query.output[i] *= inverse;
}

}  // namespace tutti::cpu::inline TUTTI_ABI
