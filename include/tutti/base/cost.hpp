// SPDX-License-Identifier: Apache-2.0
#pragma once
// The cost of a generation, per expert and in total. Operations and bytes are counted from the
// algorithm, so they are the same on every machine; seconds are wall-clock time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tutti {

/// One line of the ledger.
struct Cost {
  /// Prompt tokens computed. A prompt shared by experts is counted once.
  std::uint64_t prompt_tokens = 0;
  /// Tokens generated. A fused token is charged to the first expert.
  std::uint64_t generated_tokens = 0;
  std::uint64_t scored_tokens = 0;  ///< Tokens computed to score given texts.
  /// Floating-point operations of products and attention; a multiply-add is two.
  double flops = 0;
  /// Bytes of weights read. Weights shared by several experts in one step are read once.
  double weight_bytes = 0;
  /// Bytes of cached keys and values read. A page shared by several rows is read once.
  double kv_bytes = 0;
  double seconds = 0;  ///< Wall-clock time; an expert's share is by its rows.

  Cost& operator+=(const Cost& other) {
    prompt_tokens += other.prompt_tokens;
    generated_tokens += other.generated_tokens;
    scored_tokens += other.scored_tokens;
    flops += other.flops;
    weight_bytes += other.weight_bytes;
    kv_bytes += other.kv_bytes;
    seconds += other.seconds;
    return *this;
  }
};

/// The costs of a request. Shared costs are split evenly between the experts that share them, so
/// `total` is the sum of `per_expert`.
struct CostLedger {
  std::vector<Cost> per_expert;
  std::uint64_t steps = 0;  ///< Batched forward passes.

  [[nodiscard]] Cost total() const {
    Cost sum;
    for (const Cost& cost : per_expert) sum += cost;
    return sum;
  }
};

}  // namespace tutti
