// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of number_range.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tutti/text/grammar/detail/number_range.hpp"

namespace tutti::grammar {

/// Numbers without a sign between two bounds. While the digits so far equal those of a bound, the
/// next digit is limited by it; the flags `low` and `high` say so.
class MagnitudeRange {
 public:
  MagnitudeRange(Expressions& expressions, const NumberBound& lower,
                 const std::optional<NumberBound>& upper, bool is_integer)
      : expressions_(expressions), lower_(lower), upper_(upper), is_integer_(is_integer) {
    if (lower_.value.integer.empty()) lower_.value.integer = "0";
    if (upper_ && upper_->value.integer.empty()) upper_->value.integer = "0";
  }

  ExprId build() {
    const std::size_t first = lower_.value.integer.size();
    const std::size_t limit = is_integer_ ? kMaxIntegerDigits : kMaxBoundedDigits;
    const std::size_t last = upper_ ? upper_->value.integer.size() : std::max(limit, first + 1);
    std::vector<ExprId> lengths;
    for (length_ = first; length_ <= last; ++length_)
      lengths.push_back(integer_digits(0, length_ == first, upper_ && length_ == last));
    return expressions_.choice(lengths);
  }

 private:
  [[nodiscard]] std::size_t max_fraction() const {
    return length_ < kMaxBoundedDigits ? kMaxBoundedDigits - length_ : 0;
  }

  ExprId digit(char first, char last) {
    const auto low = static_cast<char32_t>(first);
    return expressions_.characters({{low, static_cast<char32_t>(last)}});
  }

  /// One digit of the bounds `lowest` and `highest`, then `rest(low, high)` with the flags after
  /// it.
  template <class Rest>
  ExprId next_digit(char lowest, char highest, bool low, bool high, Rest rest) {
    if (lowest > highest) return expressions_.nothing();
    if (low && high && lowest == highest)
      return expressions_.sequence({digit(lowest, lowest), rest(true, true)});
    std::vector<ExprId> ways;
    char first = lowest;
    char last = highest;
    if (low) {
      ways.push_back(expressions_.sequence({digit(lowest, lowest), rest(true, false)}));
      ++first;
    }
    if (high) {
      ways.push_back(expressions_.sequence({digit(highest, highest), rest(false, true)}));
      --last;
    }
    if (first <= last)
      ways.push_back(expressions_.sequence({digit(first, last), rest(false, false)}));
    return expressions_.choice(ways);
  }

  ExprId integer_digits(std::size_t at, bool low, bool high) {
    if (at == length_) return end_or_fraction(low, high);
    if (!low && !high && at > 0) {
      const auto count = static_cast<std::uint32_t>(length_ - at);
      return expressions_.sequence(
          {expressions_.repeat(digit('0', '9'), count, count), end_or_fraction(false, false)});
    }
    const char smallest = at == 0 && length_ > 1 ? '1' : '0';
    return next_digit(low ? lower_.value.integer[at] : smallest,
                      high ? upper_->value.integer[at] : '9', low, high,
                      [&](bool l, bool h) { return integer_digits(at + 1, l, h); });
  }

  static char digit_at(const std::string& fraction, std::size_t at) {
    return at < fraction.size() ? fraction[at] : '0';
  }

  /// Whether the number may end after `at` digits of its fraction.
  [[nodiscard]] bool may_end(std::size_t at, bool low, bool high) const {
    if (low && (lower_.value.fraction.size() > at || lower_.is_exclusive)) return false;
    return !high || upper_->value.fraction.size() > at || !upper_->is_exclusive;
  }

  ExprId end_or_fraction(bool low, bool high) {
    const ExprId end = may_end(0, low, high) ? expressions_.empty() : expressions_.nothing();
    if (is_integer_) return end;
    const ExprId fraction = fraction_digits(0, low, high);
    return expressions_.choice({end, expressions_.sequence({expressions_.bytes("."), fraction})});
  }

  /// At least one more digit.
  ExprId fraction_digits(std::size_t at, bool low, bool high) {
    if (at >= max_fraction()) return expressions_.nothing();
    if (low && at >= lower_.value.fraction.size() && !lower_.is_exclusive) low = false;
    if (!low && !high) {
      const auto left = static_cast<std::uint32_t>(max_fraction() - at);
      return expressions_.repeat(digit('0', '9'), 1, left);
    }
    return next_digit(
        low ? digit_at(lower_.value.fraction, at) : '0',
        high ? digit_at(upper_->value.fraction, at) : '9', low, high, [&](bool l, bool h) {
          const ExprId end = may_end(at + 1, l, h) ? expressions_.empty() : expressions_.nothing();
          return expressions_.choice({end, fraction_digits(at + 1, l, h)});
        });
  }

  Expressions& expressions_;
  NumberBound lower_;
  std::optional<NumberBound> upper_;
  bool is_integer_;
  std::size_t length_ = 0;  ///< Digits before the point.
};

TUTTI_INLINE ExprId any_number(Expressions& expressions, bool is_integer) {
  const ExprId digit = expressions.characters({{'0', '9'}});
  const ExprId sign = expressions.optional(expressions.bytes("-"));
  const ExprId positive = expressions.sequence(
      {expressions.characters({{'1', '9'}}), expressions.repeat(digit, 0, kMaxIntegerDigits - 1)});
  const ExprId zero = expressions.bytes("0");
  if (is_integer) return expressions.choice({zero, expressions.sequence({sign, positive})});
  const ExprId fraction = expressions.optional(
      expressions.sequence({expressions.bytes("."), expressions.repeat(digit, 1, 20)}));
  // At most 99: the value must be finite as a double.
  const ExprId exponent = expressions.optional(
      expressions.sequence({expressions.characters({{'E', 'E'}, {'e', 'e'}}),
                            expressions.optional(expressions.characters({{'+', '+'}, {'-', '-'}})),
                            expressions.repeat(digit, 1, 2)}));
  return expressions.sequence({sign, expressions.choice({zero, positive}), fraction, exponent});
}

TUTTI_INLINE ExprId number_between(Expressions& expressions,
                                   const std::optional<NumberBound>& lower,
                                   const std::optional<NumberBound>& upper, bool is_integer) {
  if (!lower && !upper) return any_number(expressions, is_integer);
  const NumberBound zero{};
  const auto magnitude = [](NumberBound bound) {
    bound.value.is_negative = false;
    return bound;
  };
  const auto empty_range = [](const NumberBound& low, const std::optional<NumberBound>& high) {
    if (!high) return false;
    const int order = compare(low.value, high->value);
    return order > 0 || (order == 0 && (low.is_exclusive || high->is_exclusive));
  };
  std::vector<ExprId> signs;
  if (lower.value_or(zero).value.is_negative || !lower) {
    const bool all_negative = upper && upper->value.is_negative;
    const NumberBound low = all_negative ? magnitude(*upper) : NumberBound{{}, true};
    const std::optional<NumberBound> high = lower ? std::optional(magnitude(*lower)) : std::nullopt;
    if (!empty_range(low, high)) {
      const ExprId digits = MagnitudeRange(expressions, low, high, is_integer).build();
      signs.push_back(expressions.sequence({expressions.bytes("-"), digits}));
    }
  }
  if (!upper || !upper->value.is_negative) {
    const NumberBound low = lower && !lower->value.is_negative ? *lower : zero;
    if (!empty_range(low, upper))
      signs.push_back(MagnitudeRange(expressions, low, upper, is_integer).build());
  }
  return expressions.choice(signs);
}

}  // namespace tutti::grammar
