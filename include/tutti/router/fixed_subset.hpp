// SPDX-License-Identifier: Apache-2.0
#pragma once
// Routes every request to the same experts.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/router/router.hpp"

namespace tutti {

/// What happens to the samples of the experts outside the subset.
enum class UnusedSamples : std::uint8_t {
  discard,  ///< Each expert of the subset writes `samples_per_expert`.
  /// The subset writes `experts * samples_per_expert` in all; its first experts write the
  /// remainder of the division.
  redistribute,
};

/// Routes every request to the given experts.
class FixedSubset {
 public:
  /// @throws OptionError for no experts, or for an expert that is listed twice.
  explicit FixedSubset(std::vector<std::uint32_t> experts,
                       UnusedSamples unused = UnusedSamples::discard)
      : experts_(std::move(experts)), unused_(unused) {
    require<OptionError>(!experts_.empty(), "a subset of 0 experts: list at least one");
    for (std::size_t i = 0; i < experts_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        require<OptionError>(experts_[i] != experts_[j], "expert ", experts_[i],
                             " is listed at places ", j, " and ", i,
                             " of the subset: list each once");
      }
    }
  }

  /// @throws OptionError for an expert that the ensemble does not have.
  [[nodiscard]] Route route(const RouterQuery& query) const {
    Route route(query.experts, 0);
    const std::size_t total = (unused_ == UnusedSamples::redistribute ? query.experts
                                                                      : experts_.size()) *
                              query.samples_per_expert;
    for (std::size_t i = 0; i < experts_.size(); ++i) {
      require<OptionError>(experts_[i] < query.experts, "the subset lists expert ", experts_[i],
                           " of an ensemble of ", query.experts, ": experts count from 0");
      route[experts_[i]] = static_cast<std::uint32_t>(total / experts_.size() +
                                                      (i < total % experts_.size() ? 1 : 0));
    }
    return route;
  }

 private:
  std::vector<std::uint32_t> experts_;
  UnusedSamples unused_;
};

static_assert(ExpertRouter<FixedSubset>);

}  // namespace tutti
