// SPDX-License-Identifier: Apache-2.0
#pragma once
// Base of the readers of the sections of a tokenizer.json: access to members, and refusals by key
// and value.

#include <string>
#include <string_view>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"

namespace tutti::detail {

class TokenizerJsonSection {
 public:
  /// @param file for messages.
  explicit TokenizerJsonSection(std::string file) : file_(std::move(file)) {}

 protected:
  [[noreturn]] void refuse(std::string_view key, const Json& value,
                           std::string_view supported) const {
    fail<FormatError>(file_, ": ", in_quotes(key), " is ", escaped(value.dump(), 200),
                      ", which is not supported; supported: ", supported);
  }

  [[nodiscard]] const Json& member(const Json& object, std::string_view key) const {
    require<FormatError>(object.is_object(), file_, ": expected an object around ", in_quotes(key),
                         ", found ", found_text(object));
    const Json* value = json_find(object, key);
    require<FormatError>(value != nullptr, file_, ": ", in_quotes(key), " is missing");
    return *value;
  }

  /// The member "type" of a component; "" if it has none.
  [[nodiscard]] std::string type_of(const Json& component) const {
    return json_get<std::string>(component, "type", file_, "");
  }

  /// The members of an object, without the conversions of Json::items().
  [[nodiscard]] static const Json::object_t& members(const Json& object) {
    return object.get_ref<const Json::object_t&>();
  }

  [[nodiscard]] static const std::string& text_of(const Json& string) {
    return string.get_ref<const std::string&>();
  }

  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  std::string file_;
};

}  // namespace tutti::detail
