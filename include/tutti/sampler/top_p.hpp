// SPDX-License-Identifier: Apache-2.0
#pragma once
// Nucleus sampling: keeps the most likely tokens that together have probability p (Holtzman et al.,
// "The curious case of neural text degeneration", 2020).

#include "tutti/base/error.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// Keeps the shortest prefix of the tokens in order of descending probability whose probabilities,
/// normalized over the remaining entries, sum to at least p; at least one token. 1 is off.
class TopP {
 public:
  /// @throws OptionError unless 0 <= p <= 1.
  explicit TopP(float p = 1.0F) : p_(p) {
    require<OptionError>(p >= 0.0F && p <= 1.0F, "top_p is ", p,
                         ": it must be between 0 and 1 (off)");
  }

  void apply(LogitSet& candidates, const SamplingContext&) const {
    if (p_ >= 1.0F || candidates.size() <= 1) return;
    const float largest = candidates.largest_logit();
    const double wanted = static_cast<double>(p_) * candidates.mass(largest);
    if (candidates.is_dense()) drop_unlikely(candidates, largest, wanted);
    candidates.keep_mass(wanted, largest);
  }

 private:
  /// Drops tokens far below the nucleus first: sorting the whole vocabulary would dominate the
  /// cost.
  static void drop_unlikely(LogitSet& candidates, float largest, double wanted) {
    for (float reach = 4.0F; reach < 128.0F; reach *= 2.0F) {
      const float threshold = largest - reach;
      if (candidates.mass(largest, threshold) >= wanted) return candidates.keep_at_least(threshold);
    }
  }

  float p_;
};

static_assert(LogitFilter<TopP>);

}  // namespace tutti
