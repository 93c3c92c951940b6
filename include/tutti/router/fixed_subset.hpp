// SPDX-License-Identifier: Apache-2.0
#pragma once
// Always the same experts.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/router/router.hpp"

namespace tutti {

/// What happens to the samples of the experts that are left out.
enum class LeftOutSamples : std::uint8_t {
  dropped,  ///< Each chosen expert writes `samples_per_expert`.
  /// The chosen ones write `experts * samples_per_expert` together; the first ones take what does
  /// not divide.
  spread,
};

/// Routes every request to the experts named.
class FixedSubset {
 public:
  /// @throws OptionError when no expert is named, or one twice.
  explicit FixedSubset(std::vector<std::uint32_t> experts,
                       LeftOutSamples left_out = LeftOutSamples::dropped)
      : experts_(std::move(experts)), left_out_(left_out) {
    require<OptionError>(!experts_.empty(), "a subset of 0 experts: name at least one");
    for (std::size_t i = 0; i < experts_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        require<OptionError>(experts_[i] != experts_[j], "expert ", experts_[i],
                             " is named at places ", j, " and ", i,
                             " of the subset: name each once");
      }
    }
  }

  /// @throws OptionError when an expert is named that the ensemble does not have.
  [[nodiscard]] Route route(const RouterQuery& query) const {
    Route route(query.experts, 0);
    const std::size_t total = (left_out_ == LeftOutSamples::spread ? query.experts
                                                                   : experts_.size()) *
                              query.samples_per_expert;
    for (std::size_t i = 0; i < experts_.size(); ++i) {
      require<OptionError>(experts_[i] < query.experts, "the subset names expert ", experts_[i],
                           " of an ensemble of ", query.experts, ": experts count from 0");
      route[experts_[i]] = static_cast<std::uint32_t>(total / experts_.size() +
                                                      (i < total % experts_.size() ? 1 : 0));
    }
    return route;
  }

 private:
  std::vector<std::uint32_t> experts_;
  LeftOutSamples left_out_;
};

static_assert(ExpertRouter<FixedSubset>);

}  // namespace tutti
