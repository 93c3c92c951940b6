// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which experts share which matrices. Matrices with equal contents are made to point to the same
// memory, so that a backend reads them once for the rows of all experts; the same pattern gives the
// bytes and operations that a step needs (cost_meter.hpp).

#include <cstdint>
#include <span>
#include <vector>

#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// Matrices with the same sharing pattern: `owner[e]` is the lowest expert whose copy expert e
/// uses. Adapter factors are never shared and may differ in size.
struct SharedMatrices {
  std::vector<std::uint32_t> owner;
  std::vector<double> bytes;     ///< Per expert.
  std::vector<double> elements;  ///< Per expert; also its multiply-adds per row.
};

/// How the experts of a stack share their weights.
struct WeightSharing {
  std::vector<std::uint32_t> representative;  ///< Lowest expert whose weights are all the same.
  std::vector<SharedMatrices> layers;
  std::vector<SharedMatrices> head;
};

/// Experts whose equal matrices share memory.
struct SharedExperts {
  std::vector<ModelWeights> experts;
  WeightSharing sharing;
};

/// Checks that all experts can run in one stack: equal shapes and equal rules.
/// @throws ModelError naming both experts and the first difference with both values.
void check_experts_fit(std::span<const ModelWeights> experts);

/// Points equal matrices of different experts to the same memory, and reports the pattern. Matrices
/// are compared one by one; a comparison stops at the first differing byte, so it costs little
/// where experts differ.
/// @throws ModelError when the experts do not fit each other.
[[nodiscard]] SharedExperts share_equal_tensors(std::vector<ModelWeights> experts);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/weights/weight_sharing-inl.hpp"
#endif
