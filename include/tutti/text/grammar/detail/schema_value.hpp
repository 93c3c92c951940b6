// SPDX-License-Identifier: Apache-2.0
#pragma once
// A JSON value that keeps the order of members and numbers exactly as they are written, which a
// schema needs and nlohmann::json does not keep.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"

namespace tutti::grammar {

struct SchemaValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  bool boolean = false;
  std::string text;                ///< Of a string; of a number as it is written.
  std::vector<std::string> keys;   ///< Of an object, one per item.
  std::vector<SchemaValue> items;  ///< Of an array or object.

  [[nodiscard]] bool is(Kind wanted) const { return kind == wanted; }
  /// The member `key`, or null.
  [[nodiscard]] TUTTI_INLINE const SchemaValue* find(std::string_view key) const;
};

/// @throws GrammarError with the byte when the text is not JSON, has duplicate keys, or is nested
/// deeper than kMaxJsonDepth.
[[nodiscard]] TUTTI_INLINE SchemaValue parse_schema_value(std::string_view text);

/// A number without an exponent: no leading zeros in `integer`, no trailing ones in `fraction`; 0
/// is two empty texts.
struct Decimal {
  bool is_negative = false;
  std::string integer;
  std::string fraction;

  [[nodiscard]] bool is_zero() const { return integer.empty() && fraction.empty(); }
  [[nodiscard]] bool is_integer() const { return fraction.empty(); }
  friend bool operator==(const Decimal&, const Decimal&) = default;
};

/// The value of a JSON number.
/// @throws GrammarError when it needs more than kMaxDecimalDigits digits.
[[nodiscard]] TUTTI_INLINE Decimal parse_decimal(std::string_view number);
inline constexpr std::size_t kMaxDecimalDigits = 400;

/// Negative, 0 or positive as a is less than, equal to or greater than b.
[[nodiscard]] TUTTI_INLINE int compare(const Decimal& a, const Decimal& b);

/// Whether two JSON values are equal as JSON Schema defines it: numbers by value, objects whatever
/// their order.
[[nodiscard]] TUTTI_INLINE bool equal(const SchemaValue& a, const SchemaValue& b);

/// A JSON string literal: only what must be escaped is.
[[nodiscard]] TUTTI_INLINE std::string json_string(std::string_view text);

/// @param after_separator what follows each comma and colon.
[[nodiscard]] TUTTI_INLINE std::string json_text(const SchemaValue& value,
                                                 std::string_view after_separator);

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/schema_value-inl.hpp"
#endif
