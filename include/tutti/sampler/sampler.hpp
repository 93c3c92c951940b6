// SPDX-License-Identifier: Apache-2.0
#pragma once
// The concept of a sampler, which draws a token from logits, and of the filters that most samplers
// consist of, which change logits or drop tokens.

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>

#include "tutti/base/numeric/philox.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/logit_set.hpp"

namespace tutti {

/// The tokens before the one to draw.
struct SamplingContext {
  std::span<const Token> history;  ///< The prompt, then the generated tokens, the newest last.
  std::size_t prompt_length = 0;   ///< Number of prompt tokens at the start of `history`.
};

/// Memory that is reused from draw to draw. One per thread.
struct SamplerScratch {
  LogitSet candidates;
};

/// A filter changes logits or drops tokens. `apply` is const, so that threads can share a filter.
template <class F>
concept LogitFilter = requires(const F& filter, LogitSet& candidates,
                               const SamplingContext& context) {
  filter.apply(candidates, context);
};

/// A filter as a callable. It may be called by several threads at once, and for reproducible
/// results depends on its arguments only.
using CustomFilter = std::function<void(LogitSet&, const SamplingContext&)>;

/// A sampler draws a token. The draw depends on the arguments only; the scratch memory carries no
/// state from one draw to the next.
template <class S>
concept Sampler = requires(const S& sampler, std::span<const float> logits,
                           const SamplingContext& context, const DrawKey& key,
                           SamplerScratch& scratch) {
  { sampler.sample(logits, context, key, scratch) } -> std::same_as<Token>;
};

}  // namespace tutti
