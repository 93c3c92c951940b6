// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON numbers within bounds, compared digit by digit.

#include <cstdint>
#include <optional>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"
#include "tutti/text/grammar/detail/schema_value.hpp"

namespace tutti::grammar {

struct NumberBound {
  Decimal value;
  bool is_exclusive = false;
};

/// Digits before the point of a number without bounds.
inline constexpr std::uint32_t kMaxIntegerDigits = 20;
/// Significant digits of a number with bounds, integers aside. As many survive the conversion to
/// double, so a number inside its bounds as text is inside them as a double, too.
inline constexpr std::uint32_t kMaxBoundedDigits = 15;

/// Numbers without bounds: up to 20 digits before and after the point, exponents up to 99.
[[nodiscard]] TUTTI_INLINE ExprId any_number(Expressions& expressions, bool is_integer);

/// Numbers from `lower` to `upper`. Integers are written without point and exponent, as are
/// fractions with bounds.
/// @returns `nothing` when there are none.
[[nodiscard]] TUTTI_INLINE ExprId number_between(Expressions& expressions,
                                                 const std::optional<NumberBound>& lower,
                                                 const std::optional<NumberBound>& upper,
                                                 bool is_integer);

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/number_range-inl.hpp"
#endif
