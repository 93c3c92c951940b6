// SPDX-License-Identifier: Apache-2.0
#pragma once
// Similarity of two texts, from 0 to 1: the utilities of minimum Bayes risk selection. White space
// is Unicode's, as in Python's str.split.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"

namespace tutti {

/// utility(hypothesis, reference) in [0, 1].
template <class U>
concept TextUtility = requires(const U& utility, std::string_view text) {
  { utility(text, text) } -> std::convertible_to<double>;
};

/// A utility that compares each text with each in one call, so that it analyzes every text once:
/// element i * texts.size() + j is utility(texts[i], texts[j]).
template <class U>
concept BatchTextUtility = TextUtility<U> &&
    requires(const U& utility, std::span<const std::string_view> texts) {
  { utility.compare_all(texts) } -> std::convertible_to<std::vector<double>>;
};

/// 1 for equal texts, else 0. Minimum Bayes risk with it is a majority vote.
struct ExactMatch {
  [[nodiscard]] double operator()(std::string_view hypothesis, std::string_view reference) const {
    return hypothesis == reference ? 1.0 : 0.0;
  }
};

/// F1 of the words, split at white space and counted with multiplicity, as SQuAD scores answers
/// (Rajpurkar et al. 2016) but without its normalization. Two texts without words have the value 1.
struct TokenF1 {
  [[nodiscard]] double operator()(std::string_view hypothesis, std::string_view reference) const;
  [[nodiscard]] std::vector<double> compare_all(std::span<const std::string_view> texts) const;
};

/// chrF (Popovic, "chrF: character n-gram F-score for automatic MT evaluation", 2015): n-grams of 1
/// to `order` characters without white space, F with beta 2, precision and recall averaged over the
/// orders for which both texts have n-grams. It equals sacrebleu's CHRF() with its defaults,
/// divided by 100; in particular two empty texts have the value 0.
struct ChrF {
  std::size_t order = 6;
  double beta = 2.0;

  [[nodiscard]] double operator()(std::string_view hypothesis, std::string_view reference) const;
  [[nodiscard]] std::vector<double> compare_all(std::span<const std::string_view> texts) const;
};

namespace detail {

/// Counts the n-grams of several sequences of symbols, each sequence once, and how many n-grams
/// each two of them have in common.
class NGramOverlaps {
 public:
  /// @param sequences symbols of each text. @param orders n-grams of 1 to `orders` symbols.
  NGramOverlaps(const std::vector<std::vector<std::uint32_t>>& sequences, std::size_t orders);

  /// Number of n-grams of a sequence, with multiplicity.
  [[nodiscard]] std::size_t total(std::size_t sequence, std::size_t order) const {
    return lengths_[sequence] < order ? 0 : lengths_[sequence] - order + 1;
  }
  /// Size of the intersection of two multisets of n-grams.
  [[nodiscard]] std::size_t overlap(std::size_t a, std::size_t b, std::size_t order) const {
    return overlaps_[((order - 1) * lengths_.size() + a) * lengths_.size() + b];
  }
  /// Number of n-grams that the constructor has counted: the cost of the analysis.
  [[nodiscard]] std::size_t counted() const { return counted_; }

 private:
  std::vector<std::size_t> lengths_;
  std::vector<std::uint32_t> overlaps_;  ///< [orders, sequences, sequences]
  std::size_t counted_ = 0;
};

}  // namespace detail

static_assert(TextUtility<ExactMatch> && BatchTextUtility<TokenF1> && BatchTextUtility<ChrF>);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/selector/text_similarity-inl.hpp"
#endif
