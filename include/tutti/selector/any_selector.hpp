// SPDX-License-Identifier: Apache-2.0
#pragma once
// A selector whose type is chosen at run time.

#include <concepts>
#include <memory>
#include <span>
#include <utility>

#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"

namespace tutti {

/// Owns any selector. By default BestOfN.
class AnySelector {
 public:
  AnySelector() : AnySelector(BestOfN{}) {}

  template <class S>
    requires(!std::same_as<S, AnySelector>)
  &&CandidateSelector<S>  //
  AnySelector(S selector) : selector_(std::make_unique<Holder<S>>(std::move(selector))) {}

  [[nodiscard]] Selection select(std::span<const Candidate> candidates) const {
    return selector_->select(candidates);
  }

 private:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    [[nodiscard]] virtual Selection select(std::span<const Candidate> candidates) const = 0;
  };

  template <class S>
  struct Holder final : Interface {
    explicit Holder(S held) : selector(std::move(held)) {}
    [[nodiscard]] Selection select(std::span<const Candidate> candidates) const override {
      return selector.select(candidates);
    }
    S selector;
  };

  std::unique_ptr<Interface> selector_;
};

static_assert(CandidateSelector<AnySelector>);

}  // namespace tutti
