// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of string_format.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/python/string_format.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/digits.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

/// Wider fields and more digits are refused.
inline constexpr std::size_t kMaxFieldWidth = 1000;

struct PercentField {
  std::string flags;
  std::size_t width = 0;
  int precision = -1;
  char conversion = '\0';
  std::string name;
  bool has_name = false;
};

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const TaintedText& format, const Value& values)
      : runtime_(runtime), format_(format), bytes_(format.bytes()), values_(values) {
    const Sequence* sequence = values.sequence();
    if (sequence != nullptr && sequence->kind == SequenceKind::tuple) tuple_ = sequence;
  }

  [[nodiscard]] TaintedText run() {
    TaintedText result;
    std::size_t done = 0;
    for (std::size_t at = bytes_.find('%'); at != std::string_view::npos;
         at = bytes_.find('%', done)) {
      result.append(format_, done, at);
      done = at + 1;
      const PercentField field = read_field(done);
      if (field.conversion == '%') {
        result.append("%");
      } else {
        append_padded(result, field, convert(field));
      }
      runtime_.require_text(result.size());
    }
    result.append(format_, done, bytes_.size());
    const bool all_used = tuple_ != nullptr ? next_ == tuple_->items.size()
                                            : next_ == 1 || values_.dict() != nullptr;
    if (!all_used) runtime_.fail("% has more values than its format has fields");
    runtime_.charge_text(result.size());
    return result;
  }

 private:
  [[nodiscard]] PercentField read_field(std::size_t& at) const {
    PercentField field;
    const auto peek = [&] { return at < bytes_.size() ? bytes_[at] : '\0'; };
    if (peek() == '(') {
      const std::size_t end = bytes_.find(')', at);
      if (end == std::string_view::npos) runtime_.fail("a %(name) has no end");
      field.name = std::string(bytes_.substr(at + 1, end - at - 1));
      field.has_name = true;
      at = end + 1;
    }
    while (std::string_view("-+ 0#").find(peek()) != std::string_view::npos && at < bytes_.size()) {
      field.flags += bytes_[at++];
    }
    const auto read_number = [&] {
      std::size_t number = 0;
      while (is_digit(peek())) {
        number = number * 10 + digit_value(bytes_[at++]);
        if (number > kMaxFieldWidth) runtime_.refuse("a width above ", kMaxFieldWidth, " in %");
      }
      return number;
    };
    field.width = read_number();
    if (peek() == '.') {
      ++at;
      field.precision = static_cast<int>(read_number());
    }
    field.conversion = peek();
    if (at < bytes_.size()) ++at;
    if (std::string_view("srdixXofFeEgG%").find(field.conversion) == std::string_view::npos ||
        field.conversion == '\0') {
      runtime_.refuse("the conversion ", in_quotes(std::string_view(&field.conversion, 1)),
                      " of % is not supported");
    }
    return field;
  }

  [[nodiscard]] const Value& next_value(const PercentField& field) {
    if (field.has_name) {
      const Value* value = values_.dict() != nullptr ? values_.dict()->find(field.name) : nullptr;
      if (value == nullptr) runtime_.fail("% has no value named ", in_quotes(field.name));
      return *value;
    }
    if (tuple_ == nullptr && next_ == 0) {
      ++next_;
      return values_;
    }
    if (tuple_ == nullptr || next_ >= tuple_->items.size()) runtime_.fail("% has too few values");
    return tuple_->items[next_++];
  }

  [[nodiscard]] TaintedText convert(const PercentField& field) {
    const Value& value = next_value(field);
    if (field.conversion == 's' || field.conversion == 'r') {
      TaintedText text = field.conversion == 's' ? to_text(runtime_, value)
                                                 : to_repr(runtime_, value);
      if (field.precision < 0) return text;
      std::size_t end = 0;
      for (int i = 0; i < field.precision && end < text.size(); ++i) {
        end += decode_utf8(text.bytes(), end).length;
      }
      return text.slice(0, end);
    }
    require_defined(runtime_, value);
    if (!value.is_number()) {
      runtime_.fail("%", field.conversion, " needs a number, not a value of type ",
                    type_name(value));
    }
    return TaintedText(convert_number(field, value));
  }

  [[nodiscard]] std::string convert_number(const PercentField& field, const Value& value) const {
    std::string specification = "%";
    for (const char flag : field.flags) {
      if (flag == '+' || flag == ' ' || flag == '#') specification += flag;
    }
    std::array<char, 1400> buffer{};
    const bool is_real = std::string_view("fFeEgG").find(field.conversion) !=
                         std::string_view::npos;
    if (is_real) {
      specification += ".*";
      specification += field.conversion;
      const int precision = field.precision < 0 ? 6 : field.precision;
      std::snprintf(buffer.data(), buffer.size(), specification.c_str(), precision, value.real());
      return buffer.data();
    }
    std::int64_t integer = value.is_integral() ? value.integer() : 0;
    if (!value.is_integral()) {
      if (field.conversion != 'd' && field.conversion != 'i') {
        runtime_.fail("%", field.conversion, " needs a whole number");
      }
      if (!(std::abs(value.real()) < 0x1p63)) runtime_.fail("a number does not fit in 64 bits");
      integer = static_cast<std::int64_t>(value.real());
    }
    if (field.flags.find('#') != std::string::npos)
      runtime_.refuse("the flag # of % is not supported");
    const bool is_hex_or_octal = field.conversion != 'd' && field.conversion != 'i';
    if (is_hex_or_octal && integer < 0) runtime_.refuse("a negative number in %", field.conversion);
    if (field.precision >= 0) specification += "." + std::to_string(field.precision);
    specification += "ll";
    specification += field.conversion;
    std::snprintf(buffer.data(), buffer.size(), specification.c_str(),
                  static_cast<long long>(integer));
    return buffer.data();
  }

  static void append_padded(TaintedText& result, const PercentField& field,
                            const TaintedText& text) {
    const std::size_t size = count_code_points(text.bytes());
    const std::string padding(field.width > size ? field.width - size : 0, ' ');
    const bool to_left = field.flags.find('-') != std::string::npos;
    const bool with_zeros = !to_left && field.flags.find('0') != std::string::npos &&
                            field.conversion != 's' && field.conversion != 'r';
    if (with_zeros) {
      const bool has_sign = !text.empty() &&
                            std::string_view("+- ").find(text.bytes()[0]) != std::string_view::npos;
      result.append(text, 0, has_sign ? 1 : 0);
      result.append(std::string(padding.size(), '0'));
      result.append(text, has_sign ? 1 : 0, text.size());
      return;
    }
    if (!to_left) result.append(padding);
    result.append(text);
    if (to_left) result.append(padding);
  }

  Runtime& runtime_;
  const TaintedText& format_;
  std::string_view bytes_;
  const Value& values_;
  const Sequence* tuple_ = nullptr;
  std::size_t next_ = 0;
};

}  // namespace detail

TUTTI_INLINE TaintedText percent_format(Runtime& runtime, const TaintedText& format,
                                        const Value& values) {
  return detail::PercentFormatter(runtime, format, values).run();
}

TUTTI_INLINE TaintedText brace_format(Runtime& runtime, const TaintedText& format,
                                      const Arguments& arguments) {
  const std::string_view bytes = format.bytes();
  TaintedText result;
  std::size_t automatic = 0;
  std::optional<bool> is_numbered;
  std::size_t done = 0;
  while (true) {
    const std::size_t at = bytes.find_first_of("{}", done);
    result.append(format, done, std::min(at, bytes.size()));
    if (at == std::string_view::npos) break;
    if (at + 1 < bytes.size() && bytes[at + 1] == bytes[at]) {  // "{{" and "}}" stand for one
      result.append(format, at, at + 1);
      done = at + 2;
      continue;
    }
    const std::size_t end = bytes.find('}', at);
    if (bytes[at] == '}' || end == std::string_view::npos) {
      runtime.fail("a single brace in the format of .format()");
    }
    std::string_view field = bytes.substr(at + 1, end - at - 1);
    done = end + 1;
    bool as_repr = false;
    if (field.ends_with("!r") || field.ends_with("!s")) {
      as_repr = field.ends_with("!r");
      field.remove_suffix(2);
    }
    if (field.find_first_of(":!.[") != std::string_view::npos) {
      runtime.refuse("the field ", in_quotes(field), " of .format() is not supported");
    }
    const bool is_index = std::all_of(field.begin(), field.end(), detail::is_digit);
    const Value* value = nullptr;
    if (is_index) {
      // Python has no fields {} and {0} in one format.
      const bool is_automatic = field.empty();
      if (is_numbered && *is_numbered == is_automatic) {
        runtime.fail("fields with and without a number in the format of .format()");
      }
      is_numbered = !is_automatic;
      std::size_t index = field.empty() ? automatic++ : 0;
      for (const char c : field)
        index = std::min<std::size_t>(index * 10 + detail::digit_value(c), 1000);
      if (index < arguments.positional.size()) value = &arguments.positional[index];
    } else {
      for (const auto& [name, argument] : arguments.named) {
        if (name == field) value = &argument;
      }
    }
    if (value == nullptr) runtime.fail(".format() has no argument for {", escaped(field, 40), "}");
    result.append(as_repr ? to_repr(runtime, *value) : to_text(runtime, *value));
    runtime.require_text(result.size());
  }
  runtime.charge_text(result.size());
  return result;
}

}  // namespace tutti::jinja
