// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rotates through the experts: each request goes to the next k of them.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tutti/base/error.hpp"
#include "tutti/router/router.hpp"

namespace tutti {

/// Request i goes to experts i k, i k + 1, ..., i k + k - 1, modulo their number. Safe to call from
/// several threads. The request count is part of the router's state, so results depend on how many
/// requests came before.
class RoundRobin {
 public:
  /// @param experts_per_request k, at least 1.
  /// @throws OptionError for 0.
  explicit RoundRobin(std::size_t experts_per_request) : experts_per_request_(experts_per_request) {
    require<OptionError>(experts_per_request >= 1,
                         "round robin over 0 experts per request: at least 1");
  }
  /// One expert per request.
  RoundRobin() : RoundRobin(1) {}
  RoundRobin(const RoundRobin& other)
      : experts_per_request_(other.experts_per_request_), next_(other.next_.load()) {}
  RoundRobin& operator=(const RoundRobin& other) {
    experts_per_request_ = other.experts_per_request_;
    next_ = other.next_.load();
    return *this;
  }

  /// @throws OptionError when the ensemble has fewer experts than a request uses.
  [[nodiscard]] Route route(const RouterQuery& query) {
    require<OptionError>(experts_per_request_ <= query.experts, "round robin over ",
                         experts_per_request_, " experts per request of an ensemble of ",
                         query.experts, ": use at most that many");
    Route route(query.experts, 0);
    const std::size_t first = next_.fetch_add(experts_per_request_) % query.experts;
    for (std::size_t i = 0; i < experts_per_request_; ++i) {
      route[(first + i) % query.experts] = static_cast<std::uint32_t>(query.samples_per_expert);
    }
    return route;
  }

 private:
  std::size_t experts_per_request_;
  std::atomic<std::size_t> next_{0};
};

static_assert(ExpertRouter<RoundRobin>);

}  // namespace tutti
