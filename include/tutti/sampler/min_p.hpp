// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the tokens whose probability is at least a fraction of the most likely token's (Nguyen et
// al., "Turning up the heat: min-p sampling", 2024).

#include <cmath>

#include "tutti/base/error.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// Keeps the tokens with p(t) >= m max p, that is l(t) >= max l + log m. 0 is off.
class MinP {
 public:
  /// @throws OptionError unless 0 <= m <= 1.
  explicit MinP(float m = 0.0F) : log_m_(std::log(m)) {
    require<OptionError>(m >= 0.0F && m <= 1.0F, "min_p is ", m,
                         ": it must be between 0 (off) and 1");
  }

  void apply(LogitSet& candidates, const SamplingContext&) const {
    if (!std::isinf(log_m_)) candidates.keep_at_least(candidates.largest_logit() + log_m_);
  }

 private:
  float log_m_;
};

static_assert(LogitFilter<MinP>);

}  // namespace tutti
