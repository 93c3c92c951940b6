// SPDX-License-Identifier: Apache-2.0
#pragma once
// Routes every request to all experts: the plain ensemble.

#include <cstdint>

#include "tutti/router/router.hpp"

namespace tutti {

/// `samples_per_expert` candidates from each expert.
struct AllExperts {
  [[nodiscard]] Route route(const RouterQuery& query) const {
    return Route(query.experts, static_cast<std::uint32_t>(query.samples_per_expert));
  }
};

static_assert(ExpertRouter<AllExperts>);

}  // namespace tutti
