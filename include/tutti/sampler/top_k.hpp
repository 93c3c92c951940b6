// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the k most likely tokens.

#include <cstddef>

#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// Keeps exactly the k tokens with the largest logits, among equal ones the lowest tokens;
/// transformers keeps all that are equal to the k-th. Off for k = 0 and for k >= the size of the
/// vocabulary.
class TopK {
 public:
  explicit TopK(std::size_t k = 0) : k_(k) {}

  void apply(LogitSet& candidates, const SamplingContext&) const {
    if (k_ != 0 && k_ < candidates.size()) candidates.keep_largest(k_);
  }

 private:
  std::size_t k_;
};

static_assert(LogitFilter<TopK>);

}  // namespace tutti
