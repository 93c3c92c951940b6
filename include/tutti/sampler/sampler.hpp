// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a sampler is: logits in, a token out. And what most samplers are made of: filters that
// change logits or drop tokens.

#include <concepts>
#include <cstddef>
#include <span>

#include "tutti/base/philox.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/logit_set.hpp"

namespace tutti {

/// What has been said before the token to draw.
struct SamplingContext {
  std::span<const Token> history;  ///< The prompt, then the generated tokens, the newest last.
  std::size_t prompt_length = 0;   ///< How many of them are the prompt.
};

/// Memory of a draw, to be used again for the next. One for each thread.
struct SamplerScratch {
  LogitSet candidates;
};

/// A filter changes logits or drops tokens. It is const, so that threads can share it.
template <class F>
concept LogitFilter = requires(const F& filter, LogitSet& candidates,
                               const SamplingContext& context) {
  filter.apply(candidates, context);
};

/// A sampler draws a token. The draw depends on its arguments alone; the scratch memory carries
/// nothing over.
template <class S>
concept Sampler = requires(const S& sampler, std::span<const float> logits,
                           const SamplingContext& context, const DrawKey& key,
                           SamplerScratch& scratch) {
  { sampler.sample(logits, context, key, scratch) } -> std::same_as<Token>;
};

}  // namespace tutti
