// SPDX-License-Identifier: Apache-2.0
#pragma once
// How alike two texts are, from 0 to 1: the utilities of minimum Bayes risk selection.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// utility(hypothesis, reference) in [0, 1].
template <class U>
concept TextUtility = requires(const U& utility, std::string_view text) {
  { utility(text, text) } -> std::convertible_to<double>;
};

/// 1 for equal texts, else 0. Minimum Bayes risk with it is a majority vote.
struct ExactMatch {
  [[nodiscard]] double operator()(std::string_view hypothesis, std::string_view reference) const {
    return hypothesis == reference ? 1.0 : 0.0;
  }
};

namespace detail {

/// How many elements two multisets have in common.
template <class Counts>
[[nodiscard]] std::size_t overlap(const Counts& a, const Counts& b) {
  std::size_t common = 0;
  for (const auto& [element, count] : a) {
    const auto found = b.find(element);
    if (found != b.end()) common += std::min(count, found->second);
  }
  return common;
}

}  // namespace detail

/// F1 of the words, cut at white space and counted with their multiplicity, as SQuAD scores answers
/// (Rajpurkar et al. 2016) but without its normalization. Two texts without words are equal.
struct TokenF1 {
  [[nodiscard]] double operator()(std::string_view hypothesis, std::string_view reference) const {
    const auto a = count_words(hypothesis);
    const auto b = count_words(reference);
    const std::size_t sizes = size_of(a) + size_of(b);
    return sizes == 0
               ? 1.0
               : 2.0 * static_cast<double>(detail::overlap(a, b)) / static_cast<double>(sizes);
  }

 private:
  using Counts = std::map<std::string_view, std::size_t>;

  static Counts count_words(std::string_view text) {
    constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";
    Counts counts;
    for (std::size_t begin = text.find_first_not_of(kWhiteSpace);
         begin != std::string_view::npos;) {
      const std::size_t end = std::min(text.find_first_of(kWhiteSpace, begin), text.size());
      ++counts[text.substr(begin, end - begin)];
      begin = text.find_first_not_of(kWhiteSpace, end);
    }
    return counts;
  }
  static std::size_t size_of(const Counts& counts) {
    std::size_t size = 0;
    for (const auto& entry : counts) size += entry.second;
    return size;
  }
};

/// chrF (Popovic, "chrF: character n-gram F-score for automatic MT evaluation", 2015): n-grams of 1
/// to 6 characters, white space left out, F with beta 2, precision and recall averaged over the
/// orders that both texts have, as sacrebleu does with its defaults (a hundredth of its figure).
struct ChrF {
  std::size_t order = 6;
  double beta = 2.0;

  [[nodiscard]] double operator()(std::string_view hypothesis, std::string_view reference) const {
    const std::u32string a = characters(hypothesis);
    const std::u32string b = characters(reference);
    double precision = 0;
    double recall = 0;
    std::size_t orders = 0;
    for (std::size_t n = 1; n <= order; ++n) {
      if (a.size() < n || b.size() < n) continue;
      const auto common = static_cast<double>(detail::overlap(count(a, n), count(b, n)));
      precision += common / static_cast<double>(a.size() - n + 1);
      recall += common / static_cast<double>(b.size() - n + 1);
      ++orders;
    }
    if (orders == 0) return a == b ? 1.0 : 0.0;
    precision /= static_cast<double>(orders);
    recall /= static_cast<double>(orders);
    const double factor = beta * beta;
    return precision + recall == 0
               ? 0.0
               : (1 + factor) * precision * recall / (factor * precision + recall);
  }

 private:
  static std::u32string characters(std::string_view text) {
    std::u32string result;
    for (std::size_t at = 0; at < text.size();) {
      const DecodedCodePoint decoded = decode_utf8(text, at);
      at += decoded.length;
      const char32_t c = decoded.code_point;
      if (c != U' ' && (c < U'\t' || c > U'\r')) result.push_back(c);
    }
    return result;
  }
  static std::map<std::u32string_view, std::size_t> count(const std::u32string& text,
                                                          std::size_t n) {
    std::map<std::u32string_view, std::size_t> counts;
    for (std::size_t i = 0; i + n <= text.size(); ++i)
      ++counts[std::u32string_view(text).substr(i, n)];
    return counts;
  }
};

static_assert(TextUtility<ExactMatch> && TextUtility<TokenF1> && TextUtility<ChrF>);

}  // namespace tutti
