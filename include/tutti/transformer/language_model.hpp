// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an expert must be able to do to take part in an ensemble. Transformer is one; a model of the
// caller's own needs these three members and nothing else.

#include <concepts>
#include <cstddef>
#include <span>

#include "tutti/base/types.hpp"

namespace tutti {

/// A language model: after any non-empty context it gives one logit for every token of its
/// vocabulary.
///
/// `next_logits(context, logits)` writes `vocabulary_size()` unnormalized log-probabilities of the
/// token that follows `context` (at most `context_length()` tokens). Equal contexts must give equal
/// logits, or results are not reproducible.
template <class M>
concept LanguageModel = requires(M& model, std::span<const Token> context,
                                 std::span<float> logits) {
  { model.vocabulary_size() } -> std::convertible_to<std::size_t>;
  { model.context_length() } -> std::convertible_to<std::size_t>;
  model.next_logits(context, logits);
};

}  // namespace tutti
