// SPDX-License-Identifier: Apache-2.0
#pragma once
// Divides the logits by a temperature: below 1 the distribution becomes sharper, above 1 flatter.

#include "tutti/base/error.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// l / T. Temperature 0 keeps the most likely token only, the limit of small temperatures.
class Temperature {
 public:
  /// Within these bounds the scaled logits of any real model stay finite.
  static constexpr float kMin = 1e-6F;
  static constexpr float kMax = 1e6F;

  /// @throws OptionError unless the temperature is 0 or within the bounds above.
  explicit Temperature(float temperature = 1.0F) : temperature_(temperature) {
    require<OptionError>(temperature == 0.0F || (temperature >= kMin && temperature <= kMax),
                         "temperature is ", temperature, ": it must be 0 (greedy) or between ",
                         kMin, " and ", kMax);
  }

  void apply(LogitSet& candidates, const SamplingContext&) const {
    if (temperature_ == 0.0F) return candidates.keep_largest(1);
    if (temperature_ != 1.0F) candidates.scale_logits(1.0F / temperature_);
  }

 private:
  float temperature_;
};

static_assert(LogitFilter<Temperature>);

}  // namespace tutti
