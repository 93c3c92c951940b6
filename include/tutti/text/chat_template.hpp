// SPDX-License-Identifier: Apache-2.0
#pragma once
// Chat messages to the text that a model was trained on. Templates in model files are Jinja programs; none is run here. The one
// layout that most of them write, ChatML, is recognised and written by hand.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/core/error.hpp"
#include "tutti/formats/checked.hpp"

namespace tutti {

struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant".
  std::string content;
};

/// ChatML: `<|im_start|>role\ncontent<|im_end|>\n` for each message.
class ChatTemplate {
 public:
  /// @param default_system put first, as a system message, where the messages do not begin with one of their own.
  explicit ChatTemplate(std::optional<std::string> default_system = std::nullopt) : default_system_(std::move(default_system)) {}

  /// Recognises a model's template. One that writes ChatML's markers is taken for ChatML, and its default system message is found in
  /// it; what else it does (tools, the removal of earlier thoughts) is not done.
  /// @throws FormatError when it is no ChatML.
  [[nodiscard]] static ChatTemplate from_text(std::string_view jinja) {
    const bool chatml = jinja.find(kStart) != std::string_view::npos && jinja.find(kEnd) != std::string_view::npos;
    require<FormatError>(chatml, "chat template not supported, only ChatML (", kStart, " and ", kEnd, ") is; it begins with ",
                         in_quotes(jinja.substr(0, jinja.find('\n'))), "; render the messages yourself");
    return ChatTemplate(find_default_system(jinja));
  }

  [[nodiscard]] const std::optional<std::string>& default_system() const { return default_system_; }

  /// @param add_generation_prompt end with the beginning of the assistant's message, so that the model writes it.
  [[nodiscard]] std::string render(std::span<const ChatMessage> messages, bool add_generation_prompt = true) const {
    std::string text;
    if (default_system_ && !messages.empty() && messages.front().role != "system") append(text, "system", *default_system_);
    for (const ChatMessage& message : messages) append(text, message.role, message.content);
    if (add_generation_prompt) (text += kStart) += "assistant\n";
    return text;
  }

 private:
  static constexpr std::string_view kStart = "<|im_start|>";
  static constexpr std::string_view kEnd = "<|im_end|>";

  static void append(std::string& text, std::string_view role, std::string_view content) {
    (((((text += kStart) += role) += '\n') += content) += kEnd) += '\n';
  }

  /// Looks for a whole system message, <|im_start|>system\n...<|im_end|>, in one string literal or in the template's plain text.
  static std::optional<std::string> find_default_system(std::string_view rest) {
    const std::string opening = std::string(kStart) + "system";
    for (std::size_t at = rest.find(opening); at != std::string_view::npos; at = rest.find(opening)) {
      const char before = at > 0 ? rest[at - 1] : '\0';
      rest.remove_prefix(at + opening.size());
      const std::optional<std::string> message = take_literal(rest, before == '\'' || before == '"' ? before : '\0');
      if (message && message->starts_with('\n')) return message->substr(1);
    }
    return std::nullopt;
  }

  /// Takes the text up to <|im_end|> off `rest`, escapes resolved; nothing if the literal in `quote`, or the plain text (no quote),
  /// ends before: then the content comes from a message.
  static std::optional<std::string> take_literal(std::string_view& rest, char quote) {
    std::string text;
    while (!rest.empty() && !rest.starts_with(kEnd) && rest.front() != (quote != '\0' ? quote : '{')) {
      const bool escape = quote != '\0' && rest.front() == '\\' && rest.size() > 1;
      const char next = rest[escape ? 1 : 0];
      text += escape && next == 'n' ? '\n' : escape && next == 't' ? '\t' : next;
      rest.remove_prefix(escape ? 2 : 1);
    }
    return rest.starts_with(kEnd) ? std::optional(text) : std::nullopt;
  }

  std::optional<std::string> default_system_;
};

}  // namespace tutti
