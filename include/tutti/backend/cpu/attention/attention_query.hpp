// SPDX-License-Identifier: Apache-2.0
#pragma once
// What attention kernels read and write: one chunk of the KV cache, and a query that visits chunks.

#include <cstddef>
#include <limits>

namespace tutti::cpu {

/// Keys and values of one chunk, of the element type of the cache.
struct KvChunk {
  const std::byte* keys = nullptr;    ///< [head_dim][kPagePositions]
  const std::byte* values = nullptr;  ///< [kPagePositions][head_dim]
};

/// State of one query while it visits its chunks in order of position.
struct AttentionQuery {
  const float* query = nullptr;  ///< [head_dim], already multiplied by the softmax scale.
  /// [head_dim], zero at first; the attended values after `finish_attention`.
  float* output = nullptr;
  std::size_t positions =
      0;  ///< One past the last visible position of the next chunk, 1 to kPagePositions.
  std::size_t first = 0;  ///< First visible position of the next chunk.
  float largest = -std::numeric_limits<float>::infinity();  ///< Maximum of the scores so far.
  float sum = 0.0F;                                         ///< Sum of exp(score - largest) so far.
};

}  // namespace tutti::cpu
