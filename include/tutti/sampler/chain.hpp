// SPDX-License-Identifier: Apache-2.0
#pragma once
// Samplers that apply filters in sequence and then draw: FilterChain composes any filters,
// SamplerChain the built-in ones in the order of llama.cpp or of transformers.

#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/base/error.hpp"
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

/// A sampler that consists of filters, and a filter itself: FilterChain(MyFilter{}, TopK(40),
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

  /// Draws a token from those that the filters leave.
  /// @param logits one per token of the vocabulary.
  /// @throws NumericError naming the token when a logit is NaN or +infinity, and when no token is
  /// left; OptionError for a bias or a token of the history outside the vocabulary.
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

/// The sampler that SamplingOptions describe, preceded by custom filters. Threads may share one;
/// each needs its own scratch memory.
class SamplerChain {
 public:
  /// @param filters run first, in this order, before the logit bias: they see the model's logits.
  /// @throws OptionError naming the option that is out of range, and for an empty filter. Tokens of
  /// biases are checked by the first draw, or earlier by SamplingOptions::validate.
  SamplerChain(const SamplingOptions& options, std::vector<CustomFilter> filters = {})
      : filters_(std::move(filters)), chain_(make_chain(options)) {
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      require<OptionError>(static_cast<bool>(filters_[i]), "filter ", i, " of ", filters_.size(),
                           " is an empty std::function: give it a callable, or remove it");
    }
  }
  SamplerChain() : SamplerChain(SamplingOptions{}) {}

  void apply(LogitSet& candidates, const SamplingContext& context) const {
    for (const CustomFilter& filter : filters_) filter(candidates, context);
    std::visit([&](const auto& chain) { chain.apply(candidates, context); }, chain_);
  }

  /// Draws a token, as FilterChain::sample does.
  [[nodiscard]] Token sample(std::span<const float> logits, const SamplingContext& context,
                             const DrawKey& key, SamplerScratch& scratch) const {
    scratch.candidates.assign(logits);
    apply(scratch.candidates, context);
    return draw(scratch.candidates, key);
  }

 private:
  using Chain = std::variant<LlamaCppChain, HuggingFaceChain>;

  static Chain make_chain(const SamplingOptions& options) {
    const LogitBias bias(options.logit_bias);
    const Penalties penalties(options.penalties());
    const Temperature temperature(options.temperature);
    const TopP top_p(options.top_p);
    const MinP min_p(options.min_p);
    // Top-k, top-p and min-p never drop the most likely token: a greedy draw can skip them.
    if (options.temperature == 0.0F)
      return LlamaCppChain(bias, penalties, TopK(), TopP(), MinP(), temperature);
    const TopK top_k(options.top_k);
    if (options.order == SamplerOrder::llama_cpp)
      return LlamaCppChain(bias, penalties, top_k, top_p, min_p, temperature);
    return HuggingFaceChain(bias, penalties, temperature, top_k, top_p, min_p);
  }

  std::vector<CustomFilter> filters_;
  Chain chain_;
};

static_assert(LogitFilter<LlamaCppChain> && Sampler<LlamaCppChain>);
static_assert(LogitFilter<SamplerChain> && Sampler<SamplerChain>);

}  // namespace tutti
