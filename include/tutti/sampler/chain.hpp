// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filters one after the other, then the draw: FilterChain composes any filters, SamplerChain the
// built-in ones in one of the orders that users of other programs know.

#include <span>
#include <tuple>
#include <utility>
#include <variant>

#include "tutti/sampler/draw.hpp"
#include "tutti/sampler/logit_bias.hpp"
#include "tutti/sampler/min_p.hpp"
#include "tutti/sampler/options.hpp"
#include "tutti/sampler/penalties.hpp"
#include "tutti/sampler/sampler.hpp"
#include "tutti/sampler/temperature.hpp"
#include "tutti/sampler/top_k.hpp"
#include "tutti/sampler/top_p.hpp"

namespace tutti {

/// A sampler made of filters, and a filter itself: FilterChain(MyFilter{}, TopK(40),
/// Temperature(0.8F)).
template <LogitFilter... Filters>
class FilterChain {
 public:
  FilterChain() = default;
  explicit FilterChain(Filters... filters) requires(sizeof...(Filters) > 0)
      : filters_(std::move(filters)...) {}

  void apply(LogitSet& candidates, const SamplingContext& context) const {
    std::apply([&](const Filters&... filters) { (filters.apply(candidates, context), ...); },
               filters_);
  }

  /// Draws a token from what the filters leave.
  /// @param logits one for each token of the vocabulary.
  /// @throws NumericError naming the token when a logit is NaN or +infinity, and when no token is
  /// left; OptionError for a
  ///         bias or a token of the history outside the vocabulary.
  [[nodiscard]] Token sample(std::span<const float> logits, const SamplingContext& context,
                             const DrawKey& key, SamplerScratch& scratch) const {
    scratch.candidates.assign(logits);
    apply(scratch.candidates, context);
    return draw(scratch.candidates, key);
  }

 private:
  std::tuple<Filters...> filters_;
};

using LlamaCppChain = FilterChain<LogitBias, Penalties, TopK, TopP, MinP, Temperature>;
using HuggingFaceChain = FilterChain<LogitBias, Penalties, Temperature, TopK, TopP, MinP>;

/// The sampler that options describe. Threads may share one; each needs its own scratch memory.
class SamplerChain {
 public:
  /// @throws OptionError naming the value that is out of range. Tokens of biases are checked by the
  /// first draw, or before by
  ///         SamplingOptions::validate.
  explicit SamplerChain(const SamplingOptions& options = {}) : chain_(make(options)) {}

  void apply(LogitSet& candidates, const SamplingContext& context) const {
    std::visit([&](const auto& chain) { chain.apply(candidates, context); }, chain_);
  }

  /// As FilterChain::sample.
  [[nodiscard]] Token sample(std::span<const float> logits, const SamplingContext& context,
                             const DrawKey& key, SamplerScratch& scratch) const {
    return std::visit(
        [&](const auto& chain) { return chain.sample(logits, context, key, scratch); }, chain_);
  }

 private:
  using Chain = std::variant<LlamaCppChain, HuggingFaceChain>;

  static Chain make(const SamplingOptions& options) {
    const LogitBias bias(options.logit_bias);
    const Penalties penalties(options.penalties());
    const Temperature temperature(options.temperature);
    const TopP top_p(options.top_p);
    const MinP min_p(options.min_p);
    // None of the filters drops the most likely token: a greedy draw need not pay for them.
    if (options.temperature == 0.0F)
      return LlamaCppChain(bias, penalties, TopK(), TopP(), MinP(), temperature);
    const TopK top_k(options.top_k);
    if (options.order == SamplerOrder::llama_cpp)
      return LlamaCppChain(bias, penalties, top_k, top_p, min_p, temperature);
    return HuggingFaceChain(bias, penalties, temperature, top_k, top_p, min_p);
  }

  Chain chain_;
};

static_assert(LogitFilter<LlamaCppChain> && Sampler<LlamaCppChain>);
static_assert(LogitFilter<SamplerChain> && Sampler<SamplerChain>);

}  // namespace tutti
