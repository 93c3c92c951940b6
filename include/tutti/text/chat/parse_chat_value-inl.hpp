// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of parse_chat_value.hpp: chat values from the events of a JSON parser.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/chat/parse_chat_value.hpp"

namespace tutti {

namespace detail {

class ChatValueBuilder {
 public:
  using Json = nlohmann::json;

  explicit ChatValueBuilder(const std::string& name) : name_(name) {}

  [[nodiscard]] ChatValue take() { return std::move(root_); }

  bool null() { return add(ChatValue(jinja::None{})); }
  bool boolean(bool value) { return add(ChatValue(value)); }
  bool number_integer(Json::number_integer_t value) { return add(ChatValue(std::int64_t{value})); }
  bool number_unsigned(Json::number_unsigned_t value) {
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    require<FormatError>(value <= kMax, name_, ": the number ", value, " is above ", kMax);
    return add(ChatValue(static_cast<std::int64_t>(value)));
  }
  bool number_float(Json::number_float_t value, const Json::string_t& text) {
    require<FormatError>(text.find_first_of(".eE") != std::string::npos, name_, ": the number ",
                         escaped(text, 40), " does not fit in 64 bits");
    return add(ChatValue(value));
  }
  bool string(Json::string_t& value) { return add(ChatValue(std::move(value))); }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(true); }
  bool start_array(std::size_t) { return open(false); }
  bool key(Json::string_t& name) {
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() {
    Container closed = std::move(open_.back());
    open_.pop_back();
    for (const jinja::Dict::Entry& entry : closed.dict.entries) {
      closed.dict.depth = std::max(closed.dict.depth, entry.value.depth() + 1);
    }
    return add(ChatValue(std::make_shared<const jinja::Dict>(std::move(closed.dict))));
  }
  bool end_array() {
    Container closed = std::move(open_.back());
    open_.pop_back();
    auto list = std::make_shared<jinja::Sequence>();
    for (const ChatValue& item : closed.items)
      list->depth = std::max(list->depth, item.depth() + 1);
    list->items = std::move(closed.items);
    return add(ChatValue(std::shared_ptr<const jinja::Sequence>(std::move(list))));
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    fail<FormatError>(name_, ": invalid JSON at byte ", position);
  }

 private:
  struct Container {
    bool is_dict = false;
    std::string key;
    jinja::Dict dict;
    std::vector<ChatValue> items;
  };

  bool open(bool is_dict) {
    require<FormatError>(open_.size() < jinja::kMaxValueDepth / 2, name_, ": nested deeper than ",
                         jinja::kMaxValueDepth / 2, " levels");
    open_.emplace_back().is_dict = is_dict;
    return true;
  }

  bool add(ChatValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_dict) {
      open_.back().dict.set(ChatValue(std::move(open_.back().key)), std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  const std::string& name_;
  ChatValue root_;
  std::vector<Container> open_;
};

}  // namespace detail

TUTTI_INLINE ChatValue parse_chat_value(std::string_view json, const std::string& name) {
  // The parser takes a NUL for the end of the text.
  require<FormatError>(json.find('\0') == std::string_view::npos, name, ": a NUL byte");
  detail::ChatValueBuilder builder(name);
  // json::sax_parse does the same, but compiles the readers of five binary formats with it.
  const auto input = [json] {
    return nlohmann::detail::input_adapter(json.data(), json.data() + json.size());
  };
  nlohmann::detail::parser<nlohmann::json, decltype(input())>(input()).sax_parse(&builder);
  return builder.take();
}

}  // namespace tutti
