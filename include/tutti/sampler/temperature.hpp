// SPDX-License-Identifier: Apache-2.0
#pragma once
// Divides the logits by a temperature: below 1 the likely tokens become likelier, above 1 all
// become more alike.

#include "tutti/base/error.hpp"
#include "tutti/sampler/sampler.hpp"

namespace tutti {

/// l / T. Zero keeps only the most likely token, the limit of small temperatures.
class Temperature {
 public:
  /// Between these the scaled logits of any real model stay finite.
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
    if (temperature_ != 1.0F) candidates.scale(1.0F / temperature_);
  }

 private:
  float temperature_;
};

static_assert(LogitFilter<Temperature>);

}  // namespace tutti
