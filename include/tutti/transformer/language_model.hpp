// SPDX-License-Identifier: Apache-2.0
#pragma once
// The concept of an expert. Transformer models it; a custom model needs three members.

#include <concepts>
#include <cstddef>
#include <span>

#include "tutti/base/types.hpp"

namespace tutti {

/// A language model: after any non-empty context it computes one logit per token of its vocabulary.
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

namespace detail {

template <class M>
concept HasVocabularySize = requires(M& model) {
  { model.vocabulary_size() } -> std::convertible_to<std::size_t>;
};
template <class M>
concept HasContextLength = requires(M& model) {
  { model.context_length() } -> std::convertible_to<std::size_t>;
};

/// Says in one static_assert what a type lacks to be a LanguageModel.
template <class M>
struct CheckLanguageModel {
  static constexpr bool kFits = LanguageModel<M>;
  static constexpr bool kHasVocabulary = HasVocabularySize<M>;
  static constexpr bool kHasContext = HasContextLength<M>;
  static_assert(kHasVocabulary, "the model lacks std::size_t vocabulary_size()");
  static_assert(!kHasVocabulary || kHasContext, "the model lacks std::size_t context_length()");
  static_assert(kFits || !kHasVocabulary || !kHasContext,
                "the model lacks void next_logits(std::span<const tutti::Token> context, "
                "std::span<float> logits)");
};

}  // namespace detail

}  // namespace tutti
