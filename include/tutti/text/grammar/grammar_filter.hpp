// SPDX-License-Identifier: Apache-2.0
#pragma once
// A grammar as a logit filter: request.filters.push_back(GrammarFilter(grammar, trie)) makes every
// candidate of a request match it. The state of a candidate is found by its tokens, so one filter
// serves all experts, samples, branches and requests that share the grammar.

#include <memory>
#include <span>

#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/sampler.hpp"
#include "tutti/text/grammar/grammar.hpp"
#include "tutti/text/grammar/token_masks.hpp"
#include "tutti/text/grammar/token_trie.hpp"

namespace tutti {

/// Drops the tokens that the grammar does not allow after the generated ones. Cheap to copy; copies
/// share masks and states, and threads may share one.
class GrammarFilter {
 public:
  GrammarFilter(const Grammar& grammar, const TokenTrie& vocabulary)
      : GrammarFilter(TokenMasks(grammar, vocabulary)) {}
  explicit GrammarFilter(TokenMasks masks);

  /// @throws GrammarDeadEnd when no token is allowed, or the generated tokens do not match.
  void apply(LogitSet& candidates, const SamplingContext& context) const;

  /// As a CustomFilter.
  void operator()(LogitSet& candidates, const SamplingContext& context) const {
    apply(candidates, context);
  }

  /// The state after `generated`, the tokens after the prompt.
  /// @throws GrammarDeadEnd when they do not match.
  [[nodiscard]] GrammarState state_after(std::span<const Token> generated) const;

 private:
  class States;

  std::shared_ptr<States> states_;
};

/// Drops the tokens that are not in `mask`.
void apply_mask(const TokenMask& mask, LogitSet& candidates);

static_assert(LogitFilter<GrammarFilter>);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/grammar_filter-inl.hpp"
#endif
