// SPDX-License-Identifier: Apache-2.0
#pragma once
// A router whose type is chosen at run time.

#include <concepts>
#include <memory>
#include <utility>

#include "tutti/router/all_experts.hpp"
#include "tutti/router/router.hpp"

namespace tutti {

/// Owns any router. By default AllExperts.
class AnyRouter {
 public:
  AnyRouter() : AnyRouter(AllExperts{}) {}

  template <class R>
    requires(!std::same_as<R, AnyRouter>)
  &&ExpertRouter<R>  //
  AnyRouter(R router) : router_(std::make_unique<Holder<R>>(std::move(router))) {}

  [[nodiscard]] Route route(const RouterQuery& query) { return router_->route(query); }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    [[nodiscard]] virtual Route route(const RouterQuery& query) = 0;
  };

  template <class R>
  struct Holder final : Interface {
    explicit Holder(R held) : router(std::move(held)) {}
    [[nodiscard]] Route route(const RouterQuery& query) override { return router.route(query); }
    R router;
  };

  std::unique_ptr<Interface> router_;
};

static_assert(ExpertRouter<AnyRouter>);

}  // namespace tutti
