// SPDX-License-Identifier: Apache-2.0
#pragma once
// Looking into the text of a Jinja template without running it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tutti::detail {

/// One spelling for what templates write in many: in code, white space outside of string literals
/// is left out and literals stand in single quotes; comments are left out. `{{- " " + x | trim }}`
/// becomes `{{-' '+x|trim}}`. Escapes stay as they are.
[[nodiscard]] inline std::string canonical_jinja(std::string_view jinja) {
  std::string result;
  char quote = '\0';     // of the literal around the current position
  bool in_code = false;  // between {{ and }} or {% and %}
  while (!jinja.empty()) {
    const std::string_view pair = jinja.substr(0, 2);
    if (quote != '\0') {
      const bool escape = jinja.front() == '\\' && jinja.size() > 1;
      const bool ends = jinja.front() == quote;
      if (ends) quote = '\0';
      result += ends ? std::string_view("'") : jinja.substr(0, escape ? 2 : 1);
      jinja.remove_prefix(escape ? 2 : 1);
    } else if (!in_code && pair == "{#") {
      const std::size_t end = jinja.find("#}");
      jinja.remove_prefix(end == std::string_view::npos ? jinja.size() : end + 2);
    } else if (in_code ? pair == "}}" || pair == "%}" : pair == "{{" || pair == "{%") {
      in_code = !in_code;
      result += pair;
      jinja.remove_prefix(2);
    } else {
      const char c = jinja.front();
      if (in_code && (c == '\'' || c == '"')) quote = c;
      const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
      if (!in_code || !space) result += quote != '\0' ? '\'' : c;
      jinja.remove_prefix(1);
    }
  }
  return result;
}

/// Takes the text up to `end` off `rest`, escapes resolved; nothing if the literal in `quote`, or
/// the plain text (no quote), ends before: then the text comes from somewhere else.
[[nodiscard]] inline std::optional<std::string> take_jinja_literal(std::string_view& rest,
                                                                   char quote,
                                                                   std::string_view end) {
  std::string text;
  while (!rest.empty() && !rest.starts_with(end) && rest.front() != (quote != '\0' ? quote : '{')) {
    const bool escape = quote != '\0' && rest.front() == '\\' && rest.size() > 1;
    const char next = rest[escape ? 1 : 0];
    text += escape && next == 'n' ? '\n' : escape && next == 't' ? '\t' : next;
    rest.remove_prefix(escape ? 2 : 1);
  }
  return rest.starts_with(end) ? std::optional(text) : std::nullopt;
}

}  // namespace tutti::detail
