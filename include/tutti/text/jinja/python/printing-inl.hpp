// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of printing.hpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/strings/quoting.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

/// Writes str, repr and JSON.
class Printer {
 public:
  Printer(Runtime& runtime, const JsonStyle* json) : runtime_(runtime), json_(json) {}

  [[nodiscard]] TaintedText take() {
    runtime_.charge_text(text_.size());
    return std::move(text_);
  }

  void print(const Value& value) {
    const Runtime::Level level(runtime_);
    runtime_.charge_steps(1 + text_.size() / kCheckedBytes - checked_);
    checked_ = text_.size() / kCheckedBytes;
    if (text_.size() > kCheckedBytes) check_size();
    if (const TaintedText* text = value.string()) {
      text_.append(json_ != nullptr ? quoted_json(*text, json_->ascii_only) : quoted_repr(*text));
    } else if (value.is_number() || value.is_none()) {
      text_.append(json_ != nullptr ? json_scalar(value) : scalar(value));
    } else if (const Sequence* sequence = value.sequence()) {
      print_sequence(*sequence);
    } else if (const Dict* dict = value.dict()) {
      print_dict(*dict);
    } else if (json_ != nullptr) {
      require_defined(runtime_, value);
      runtime_.fail("a value of type ", type_name(value), " cannot be written as JSON");
    } else if (const Namespace* space = value.space()) {
      text_.append("<Namespace ");
      print_dict(space->attributes);
      text_.append(">");
    } else if (const Loop* loop = value.loop()) {
      text_.append("<LoopContext " + std::to_string(loop->index + 1) + "/" +
                   std::to_string(loop->items->items.size()) + ">");
    } else if (value.is_undefined()) {
      text_.append("Undefined");
    } else if (value.callable()->is_macro) {
      text_.append("<Macro ");
      text_.append(quoted_repr(TaintedText(value.callable()->name)));
      text_.append(">");
    } else {
      runtime_.fail("the function ", in_quotes(value.callable()->name), " is printed, not called");
    }
  }

  [[nodiscard]] static std::string scalar(const Value& value) {
    if (value.is_none()) return "None";
    if (value.is<bool>()) return value.integer() != 0 ? "True" : "False";
    return value.is_integral() ? std::to_string(value.integer()) : float_repr(value.real());
  }

 private:
  // Text is counted against the limit once in so many bytes, and steps too.
  static constexpr std::size_t kCheckedBytes = 1024;

  void check_size() {
    // Charged in full by take(); here only that it does not grow without bound.
    runtime_.require_text(text_.size());
  }

  [[nodiscard]] static std::string json_scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (value.is<bool>()) return value.integer() != 0 ? "true" : "false";
    if (value.is_integral()) return std::to_string(value.integer());
    if (std::isnan(value.real())) return "NaN";
    if (std::isinf(value.real())) return value.real() < 0 ? "-Infinity" : "Infinity";
    return float_repr(value.real());
  }

  void begin_item(bool first, std::size_t level) {
    if (!first) text_.append(json_ != nullptr ? json_->item_separator : std::string(", "));
    if (json_ == nullptr || !json_->indent) return;
    text_.append("\n");
    for (std::size_t i = 0; i < level; ++i) text_.append(*json_->indent);
  }

  void end_items(bool any) {
    if (any && json_ != nullptr && json_->indent) begin_item(true, level_);
  }

  void print_sequence(const Sequence& sequence) {
    if (sequence.kind == SequenceKind::range) {
      if (json_ != nullptr) runtime_.fail("a range cannot be written as JSON");
      if (sequence.label.empty()) runtime_.refuse("a slice of a range is written");
      text_.append(sequence.label);
      return;
    }
    if (sequence.kind == SequenceKind::generator || (json_ != nullptr && !is_indexable(sequence))) {
      runtime_.fail("a generator or view of a dict is written; put the filter \"list\" after it");
    }
    const bool is_tuple = json_ == nullptr && sequence.kind == SequenceKind::tuple;
    const bool is_view = sequence.kind == SequenceKind::view;
    if (is_view) text_.append(sequence.label + "(");
    text_.append(is_tuple ? "(" : "[");
    ++level_;
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      begin_item(i == 0, level_);
      print(sequence.items[i]);
    }
    --level_;
    end_items(!sequence.items.empty());
    if (is_tuple && sequence.items.size() == 1) text_.append(",");
    text_.append(is_tuple ? ")" : "]");
    if (is_view) text_.append(")");
  }

  void print_dict(const Dict& dict) {
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries) entries.push_back(&entry);
    if (json_ != nullptr && json_->sort_keys) {
      std::vector<const Value*> keys;
      for (const Dict::Entry& entry : dict.entries) keys.push_back(&entry.key);
      entries.clear();
      for (const std::size_t at : sorted_positions(runtime_, keys))
        entries.push_back(&dict.entries[at]);
    }
    text_.append("{");
    ++level_;
    for (const Dict::Entry* entry : entries) {
      begin_item(entry == entries.front(), level_);
      print_key(entry->key);
      text_.append(json_ != nullptr ? json_->key_separator : std::string(": "));
      print(entry->value);
    }
    --level_;
    end_items(!entries.empty());
    text_.append("}");
  }

  void print_key(const Value& key) {
    if (json_ == nullptr || key.is_string()) return print(key);
    if (!key.is_number() && !key.is_none()) runtime_.fail("a key of JSON must be a string");
    text_.append("\"" + json_scalar(key) + "\"");
  }

  Runtime& runtime_;
  const JsonStyle* json_;
  TaintedText text_;
  std::size_t level_ = 0;
  std::size_t checked_ = 0;
};

}  // namespace detail

TUTTI_INLINE TaintedText to_text(Runtime& runtime, const Value& value) {
  if (const TaintedText* text = value.string()) return *text;
  if (value.is_undefined()) return {};
  return to_repr(runtime, value);
}

TUTTI_INLINE TaintedText to_repr(Runtime& runtime, const Value& value) {
  detail::Printer printer(runtime, nullptr);
  printer.print(value);
  return printer.take();
}

TUTTI_INLINE TaintedText to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  detail::Printer printer(runtime, &style);
  printer.print(value);
  return printer.take();
}

}  // namespace tutti::jinja
