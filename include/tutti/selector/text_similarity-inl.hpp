// SPDX-License-Identifier: Apache-2.0
#pragma once
// The bodies of text_similarity.hpp.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "tutti/selector/text_similarity.hpp"
#include "tutti/selector/white_space.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

namespace detail {

/// An n-gram at one place of one sequence.
struct NGramPlace {
  std::uint64_t key;  ///< Number of its first n - 1 symbols, then its last symbol.
  std::uint32_t sequence;
  std::uint32_t position;

  friend bool operator<(const NGramPlace& a, const NGramPlace& b) {
    return std::tie(a.key, a.sequence) < std::tie(b.key, b.sequence);
  }
};

TUTTI_INLINE NGramOverlaps::NGramOverlaps(const std::vector<std::vector<std::uint32_t>>& sequences,
                                          std::size_t orders)
    : overlaps_(orders * sequences.size() * sequences.size()) {
  const std::size_t n = sequences.size();
  for (const std::vector<std::uint32_t>& sequence : sequences) lengths_.push_back(sequence.size());
  // numbers[s][p]: number of the n-gram that begins at position p of sequence s, equal for equal
  // n-grams of all sequences. An n-gram is an (n - 1)-gram and one more symbol.
  std::vector<std::vector<std::uint32_t>> numbers(n);
  for (std::size_t s = 0; s < n; ++s) numbers[s].assign(sequences[s].size(), 0);
  std::vector<NGramPlace> places;
  std::vector<std::pair<std::size_t, std::uint32_t>> occurrences;
  for (std::size_t order = 1; order <= orders; ++order) {
    places.clear();
    for (std::size_t s = 0; s < n; ++s) {
      for (std::size_t p = 0; p < total(s, order); ++p) {
        places.push_back({(std::uint64_t{numbers[s][p]} << 32) | sequences[s][p + order - 1],
                          static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(p)});
      }
    }
    counted_ += places.size();
    std::sort(places.begin(), places.end());
    const std::span<std::uint32_t> overlaps(overlaps_.data() + (order - 1) * n * n, n * n);
    std::uint32_t number = 0;
    for (std::size_t begin = 0; begin < places.size(); ++number) {
      // All places of one n-gram, by sequence: how often each sequence has it.
      occurrences.clear();
      std::size_t end = begin;
      for (; end < places.size() && places[end].key == places[begin].key; ++end) {
        const NGramPlace& place = places[end];
        numbers[place.sequence][place.position] = number;
        if (occurrences.empty() || occurrences.back().first != place.sequence)
          occurrences.emplace_back(place.sequence, 0);
        ++occurrences.back().second;
      }
      for (const auto& [a, count_a] : occurrences) {
        for (const auto& [b, count_b] : occurrences)
          overlaps[a * n + b] += std::min(count_a, count_b);
      }
      begin = end;
    }
  }
}

/// Applies score(overlaps, i, j) to every two sequences.
template <class Score>
[[nodiscard]] std::vector<double> score_all(const NGramOverlaps& overlaps, std::size_t count,
                                            Score score) {
  std::vector<double> scores;
  scores.reserve(count * count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) scores.push_back(score(overlaps, i, j));
  }
  return scores;
}

/// Code points without white space.
[[nodiscard]] TUTTI_INLINE std::vector<std::uint32_t> visible_characters(std::string_view text) {
  std::vector<std::uint32_t> characters;
  characters.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint decoded = decode_utf8(text, at);
    at += decoded.length;
    if (!is_python_white_space(decoded.code_point))
      characters.push_back(static_cast<std::uint32_t>(decoded.code_point));
  }
  return characters;
}

}  // namespace detail

TUTTI_INLINE double TokenF1::operator()(std::string_view hypothesis,
                                        std::string_view reference) const {
  return compare_all(std::array{hypothesis, reference})[1];
}

TUTTI_INLINE std::vector<double> TokenF1::compare_all(
    std::span<const std::string_view> texts) const {
  std::map<std::string_view, std::uint32_t> numbers;
  std::vector<std::vector<std::uint32_t>> sequences(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const std::string_view word : detail::split_words(texts[i])) {
      const auto next = static_cast<std::uint32_t>(numbers.size());
      sequences[i].push_back(numbers.try_emplace(word, next).first->second);
    }
  }
  return detail::score_all(detail::NGramOverlaps(sequences, 1), texts.size(),
                           [](const detail::NGramOverlaps& words, std::size_t i, std::size_t j) {
                             const std::size_t sizes = words.total(i, 1) + words.total(j, 1);
                             return sizes == 0 ? 1.0
                                               : 2.0 * static_cast<double>(words.overlap(i, j, 1)) /
                                                     static_cast<double>(sizes);
                           });
}

TUTTI_INLINE double ChrF::operator()(std::string_view hypothesis,
                                     std::string_view reference) const {
  return compare_all(std::array{hypothesis, reference})[1];
}

TUTTI_INLINE std::vector<double> ChrF::compare_all(std::span<const std::string_view> texts) const {
  std::vector<std::vector<std::uint32_t>> sequences;
  sequences.reserve(texts.size());
  for (const std::string_view text : texts) sequences.push_back(detail::visible_characters(text));
  const auto score = [this](const detail::NGramOverlaps& ngrams, std::size_t i, std::size_t j) {
    double precision = 0;
    double recall = 0;
    std::size_t orders = 0;
    for (std::size_t n = 1; n <= order; ++n) {
      if (ngrams.total(i, n) == 0 || ngrams.total(j, n) == 0) continue;
      const auto common = static_cast<double>(ngrams.overlap(i, j, n));
      precision += common / static_cast<double>(ngrams.total(i, n));
      recall += common / static_cast<double>(ngrams.total(j, n));
      ++orders;
    }
    if (orders == 0) return 0.0;
    precision /= static_cast<double>(orders);
    recall /= static_cast<double>(orders);
    const double factor = beta * beta;
    return precision + recall == 0
               ? 0.0
               : (1 + factor) * precision * recall / (factor * precision + recall);
  };
  return detail::score_all(detail::NGramOverlaps(sequences, order), texts.size(), score);
}

}  // namespace tutti
