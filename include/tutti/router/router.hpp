// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a router is: it looks at a request and says how many candidates each expert writes.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// What a router is asked about.
struct RouterQuery {
  std::span<const Token> prompt;
  std::string_view text;  ///< Empty when the prompt was given as tokens.
  std::size_t experts = 0;
  std::size_t samples_per_expert = 0;
};

/// Samples for each expert; 0 leaves it out.
using Route = std::vector<std::uint32_t>;

template <class R>
concept ExpertRouter = requires(R& router, const RouterQuery& query) {
  { router.route(query) } -> std::convertible_to<Route>;
};

/// The route, if an ensemble of `experts` can take it.
/// @throws ComponentError when it has another number of experts, uses none of them, or asks one for
/// more than 65535 samples.
[[nodiscard]] inline Route check_route(Route route, std::size_t experts) {
  constexpr std::uint32_t kMaxSamples = 65535;  // a draw's coordinates hold 16 bits for the sample
  require<ComponentError>(route.size() == experts, "the router gave a route for ", route.size(),
                          " experts to an ensemble of ", experts);
  std::uint64_t total = 0;
  for (std::size_t e = 0; e < route.size(); ++e) {
    require<ComponentError>(route[e] <= kMaxSamples, "the router asks expert ", e, " for ",
                            route[e], " samples: at most ", kMaxSamples);
    total += route[e];
  }
  require<ComponentError>(total > 0, "the router uses 0 of ", experts,
                          " experts: it must ask at least one for a sample");
  return route;
}

}  // namespace tutti
