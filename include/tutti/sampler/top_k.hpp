// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the k most likely tokens.

#include <cstddef>

#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// Keeps exactly the k tokens of largest logit, of equal ones the lowest; transformers keeps all
/// that equal the k-th. Zero is off, and so is a k of the vocabulary's size or more.
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
