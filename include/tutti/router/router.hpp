// SPDX-License-Identifier: Apache-2.0
#pragma once
// The concept of a router: it sees a request and decides how many candidates each expert writes.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// The input of a router.
struct RouterQuery {
  std::span<const Token> prompt;
  /// The user's prompt, without the chat template; the last user message of a chat; empty for a
  /// prompt given as tokens.
  std::string_view text;
  std::size_t experts = 0;
  std::size_t samples_per_expert = 0;
};

/// Number of samples per expert; 0 for an expert that writes none.
using Route = std::vector<std::uint32_t>;

template <class R>
concept ExpertRouter = requires(R& router, const RouterQuery& query) {
  { router.route(query) } -> std::convertible_to<Route>;
};

/// Returns the route if it fits an ensemble of `experts`.
/// @throws ComponentError when its length is not `experts`, it uses no expert, or it asks one for
/// more than 65535 samples.
[[nodiscard]] inline Route check_route(Route route, std::size_t experts) {
  constexpr std::uint32_t kMaxSamples = 65535;  // the draw's key has 16 bits for the sample
  require<ComponentError>(route.size() == experts, "the router returned a route for ", route.size(),
                          " experts to an ensemble of ", experts, ": return one number per expert");
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
