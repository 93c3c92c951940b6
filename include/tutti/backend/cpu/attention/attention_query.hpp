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

/// One query on its way through its chunks, which it must visit in order of position.
struct AttentionQuery {
  const float* query = nullptr;  ///< [head_dim], already multiplied by the softmax scale.
  /// [head_dim], zero at first; the attended values after `finish_attention`.
  float* output = nullptr;
  std::size_t positions = 0;  ///< Where in the next chunk what it sees ends, 1 to kPagePositions.
  std::size_t first = 0;      ///< Where that begins: positions of the chunk before its window.
  float largest = -std::numeric_limits<float>::infinity();  ///< Of the scores so far.
  float sum = 0.0F;                                         ///< Of exp(score - largest) so far.
};

}  // namespace tutti::cpu
