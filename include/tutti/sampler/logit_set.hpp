// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens that can still be drawn, with their logits. Filters modify it in place. It starts with
// one logit per token of the vocabulary (dense); the first filter that drops tokens converts it to
// a list, usually a short one. Reuse one object for all draws: only the first draw allocates
// memory.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/fast_math.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/logit_kernels.hpp"

namespace tutti {

class LogitSet {
 public:
  /// Starts again with one logit per token.
  /// @throws NumericError naming the first token whose logit is NaN or +infinity, and when all are
  /// -infinity.
  void assign(std::span<const float> logits) {
    static_cast<void>(tutti::largest_logit(logits));
    logits_.assign(logits.begin(), logits.end());
    size_ = logits.size();
    dense_ = true;
    sorted_ = false;
  }

  /// Whether there is still one logit per token of the vocabulary, at its index.
  [[nodiscard]] bool is_dense() const { return dense_; }
  /// Whether the entries are a list sorted by descending logits.
  [[nodiscard]] bool is_sorted() const { return sorted_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t vocabulary_size() const { return logits_.size(); }

  /// The logits, indexed by token and mutable; empty when this is a list.
  [[nodiscard]] std::span<float> dense_logits() {
    return dense_ ? std::span<float>(logits_) : std::span<float>();
  }
  [[nodiscard]] std::span<const float> dense_logits() const {
    return dense_ ? std::span<const float>(logits_) : std::span<const float>();
  }

  /// Converts this to a list if it is dense, without the tokens whose logit is -infinity, and
  /// returns the entries.
  [[nodiscard]] std::span<const TokenLogit> entries() {
    if (dense_) keep_at_least(std::numeric_limits<float>::lowest());
    return {entries_.data(), size_};
  }
  /// The entries if this is a list, else none.
  [[nodiscard]] std::span<const TokenLogit> list() const {
    return {entries_.data(), dense_ ? 0 : size_};
  }

  /// Replaces each logit by `function(token, logit)`.
  template <class Function>
  void transform_logits(Function function) {
    sorted_ = false;
    if (dense_) {
      for (std::size_t t = 0; t < logits_.size(); ++t)
        logits_[t] = function(static_cast<Token>(t), logits_[t]);
    } else {
      for (TokenLogit& entry : std::span(entries_.data(), size_))
        entry.logit = function(entry.token, entry.logit);
    }
  }

  /// Multiplies each logit by a positive number.
  void scale_logits(float factor) {
    const bool sorted = sorted_;
    transform_logits([factor](Token, float logit) { return logit * factor; });
    sorted_ = sorted;
  }

  /// Adds `bias` to the logit of a token, unless the token has been dropped. Precondition: the
  /// token is in the vocabulary.
  void add_to_logit(Token token, float bias) {
    if (dense_) {
      logits_[static_cast<std::size_t>(token)] += bias;
      return;
    }
    for (TokenLogit& entry : std::span(entries_.data(), size_))
      entry.logit += entry.token == token ? bias : 0.0F;
    sorted_ = false;
  }

  /// Drops the entries for which `predicate(entry)` is false. The others keep their order.
  template <class Predicate>
  void keep_if(Predicate predicate) {
    static_cast<void>(entries());
    TokenLogit* const end = std::remove_if(entries_.data(), entries_.data() + size_,
                                           std::not_fn(predicate));
    size_ = static_cast<std::size_t>(end - entries_.data());
  }

  /// Drops the entries whose logit is below `threshold`, which is finite.
  void keep_at_least(float threshold) {
    if (!dense_)
      return keep_if([threshold](const TokenLogit& entry) { return entry.logit >= threshold; });
    // One more: entries_at_least also writes the slot after the last entry.
    entries_.resize(std::max(entries_.size(), logits_.size() + 1));
    size_ = detail::entries_at_least(logits_, threshold, entries_.data());
    dense_ = false;
    sorted_ = false;
  }

  /// Keeps the first `count` entries of the sorted order, sorted; all of them if there are fewer.
  void keep_largest(std::size_t count) {
    if (dense_) keep_at_least(lower_bound_of_rank(count));
    const auto begin = entries_.begin();
    const auto middle = begin + static_cast<std::ptrdiff_t>(std::min(count, size_));
    const auto end = begin + static_cast<std::ptrdiff_t>(size_);
    if (middle != end && !sorted_) std::nth_element(begin, middle, end, ranks_before);
    size_ = static_cast<std::size_t>(middle - begin);
    if (!sorted_) std::sort(begin, middle, ranks_before);
    sorted_ = true;
  }

  void sort() { keep_largest(size_); }

  /// Keeps the shortest prefix of the sorted order whose sum of exp(logit - shift) is at least
  /// `wanted`; at least one entry.
  void keep_mass(double wanted, float shift) {
    static_cast<void>(entries());
    const auto at = [this](std::size_t i) {
      return entries_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    std::size_t begin = 0;  // the entries before it are kept; `sum` is their mass
    std::size_t end = size_;
    double sum = 0;
    // A binary search for the last entry to keep costs less than sorting everything.
    while (!sorted_ && end - begin > 32) {
      const std::size_t middle = begin + (end - begin) / 2;
      std::nth_element(at(begin), at(middle), at(end), ranks_before);
      const double half = detail::mass_at_least(std::span(entries_).subspan(begin, middle - begin),
                                                shift, kNoThreshold);
      if (sum + half >= wanted) {
        end = middle;
      } else {
        begin = middle;
        sum += half;
      }
    }
    if (!sorted_) std::sort(at(begin), at(end), ranks_before);
    const std::size_t first = begin;
    while (begin < end && (begin == 0 || sum < wanted))
      sum += detail::mass_at_least(std::span(entries_).subspan(begin++, 1), shift, kNoThreshold);
    sorted_ = sorted_ || first == 0;
    size_ = begin;
  }

  /// Keeps the first `count` entries of the list, in their order.
  void keep_first(std::size_t count) {
    static_cast<void>(entries());
    size_ = std::min(size_, count);
  }

  /// The largest logit.
  /// @throws NumericError when no entry is left, all are -infinity, or a filter has produced a NaN.
  [[nodiscard]] float largest_logit() const {
    if (dense_) return tutti::largest_logit(logits_);
    float largest = -std::numeric_limits<float>::infinity();
    for (const TokenLogit& entry : list()) {
      if (!(entry.logit < std::numeric_limits<float>::infinity())) {
        fail<NumericError>("a filter has set the logit of token ", entry.token, " to ", entry.logit,
                           ": it must be finite or -inf");
      }
      largest = std::max(largest, entry.logit);
    }
    if (largest == -std::numeric_limits<float>::infinity()) detail::fail_for_no_token(size_);
    return largest;
  }

  /// sum exp(logit - shift) over the entries whose logit is at least `threshold`.
  [[nodiscard]] double mass(float shift, float threshold = kNoThreshold) const {
    return dense_ ? detail::mass_at_least(std::span<const float>(logits_), shift, threshold)
                  : detail::mass_at_least(list(), shift, threshold);
  }

  /// One counter per token of the vocabulary, all 0, for filters that count. A filter must reset
  /// them to 0.
  [[nodiscard]] std::span<std::uint32_t> token_counts() {
    token_counts_.resize(logits_.size());
    return token_counts_;
  }

 private:
  static constexpr float kNoThreshold = std::numeric_limits<float>::lowest();

  /// A lower bound of the count-th largest dense logit, usually a tight one: the count-th largest
  /// of the maxima of groups of 16 logits, which at least `count` logits reach.
  [[nodiscard]] float lower_bound_of_rank(std::size_t count) {
    const std::size_t groups = logits_.size() / detail::kMaximaBlock * detail::kMaximaPerBlock;
    if (count == 0 || count * 2 > groups) return kNoThreshold;
    maxima_.resize(groups);
    detail::group_maxima(logits_, maxima_.data());
    // Not nth_element: its branches are unpredictable; those of partial_sort are predictable when
    // count is small.
    std::partial_sort(maxima_.begin(), maxima_.begin() + static_cast<std::ptrdiff_t>(count),
                      maxima_.end(), std::greater<>());
    return std::max(detail::value_of_order(maxima_[count - 1]), kNoThreshold);
  }

  std::vector<float> logits_;        ///< Indexed by token; valid while dense.
  std::vector<TokenLogit> entries_;  ///< The first `size_` are valid while this is a list.
  std::size_t size_ = 0;
  bool dense_ = true;
  bool sorted_ = false;
  std::vector<std::int32_t> maxima_;
  std::vector<std::uint32_t> token_counts_;
};

}  // namespace tutti
