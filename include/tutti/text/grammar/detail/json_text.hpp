// SPDX-License-Identifier: Apache-2.0
#pragma once
// The grammar of JSON: strings, white space, any value.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/grammar/detail/expressions.hpp"
#include "tutti/text/grammar/json_schema_options.hpp"

namespace tutti::grammar {

class JsonText {
 public:
  TUTTI_INLINE JsonText(Expressions& expressions, JsonWhitespace whitespace);

  /// White space where only the flexible form has any.
  [[nodiscard]] ExprId space() const { return space_; }
  [[nodiscard]] ExprId comma() const { return comma_; }
  [[nodiscard]] ExprId colon() const { return colon_; }
  [[nodiscard]] bool is_flexible() const { return whitespace_ == JsonWhitespace::flexible; }
  /// What follows the separators of a constant.
  [[nodiscard]] std::string_view after_separator() const {
    return whitespace_ == JsonWhitespace::spaced ? " " : "";
  }

  /// A string of `min` to `max` code points, in any notation.
  [[nodiscard]] TUTTI_INLINE ExprId string(std::uint32_t min, std::uint32_t max);
  /// One character of `set` within a string, escaped only where it must be.
  [[nodiscard]] TUTTI_INLINE ExprId character(const CodePointSet& set);
  /// A string without escapes that is none of `texts`; any string if there are no texts.
  [[nodiscard]] TUTTI_INLINE ExprId other_string(const std::vector<std::string>& texts);
  /// Any JSON value.
  [[nodiscard]] TUTTI_INLINE ExprId value();

  /// `[`, items and `]`, where `items` matches what stands between.
  [[nodiscard]] ExprId array(ExprId items) {
    return expressions_.sequence({expressions_.bytes("["), space_, items, expressions_.bytes("]")});
  }
  [[nodiscard]] ExprId object(ExprId members) {
    return expressions_.sequence(
        {expressions_.bytes("{"), space_, members, expressions_.bytes("}")});
  }
  /// An item or member value is followed by white space.
  [[nodiscard]] ExprId item(ExprId value) { return expressions_.sequence({value, space_}); }
  [[nodiscard]] ExprId member(ExprId key, ExprId value) {
    return expressions_.sequence({key, colon_, value, space_});
  }
  /// `min` to `max` items with commas between them.
  [[nodiscard]] TUTTI_INLINE ExprId list(ExprId item, std::uint32_t min, std::uint32_t max);

 private:
  [[nodiscard]] TUTTI_INLINE ExprId any_character();

  Expressions& expressions_;
  JsonWhitespace whitespace_;
  ExprId space_;
  ExprId comma_;
  ExprId colon_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, ExprId> strings_;
  ExprId value_{};
};

}  // namespace tutti::grammar

#if !defined(TUTTI_COMPILED)
#include "tutti/text/grammar/detail/json_text-inl.hpp"
#endif
