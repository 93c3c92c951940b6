// SPDX-License-Identifier: Apache-2.0
#pragma once
// Chat messages to the text that a model was trained on. Templates in model files are Jinja
// programs; none is run here. The layouts that most of them write are recognized (see
// chat_layout.hpp) and written by hand.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/chat/chat_layout.hpp"
#include "tutti/text/chat/chat_message.hpp"
#include "tutti/text/chat/detail/python_strip.hpp"

namespace tutti {

/// The texts of the tokens that templates write by name.
struct ChatTokens {
  std::string bos;
  std::string eos;
};

class ChatTemplate {
 public:
  /// ChatML. @param default_system put first, as a system message, where the messages do not begin
  /// with one of their own.
  explicit ChatTemplate(std::optional<std::string> default_system = std::nullopt) {
    layout_.default_system = std::move(default_system);
  }

  explicit ChatTemplate(ChatLayout layout, ChatTokens tokens = {})
      : layout_(std::move(layout)), tokens_(std::move(tokens)) {}

  /// Recognizes a model's template. What it does beside writing messages (tools, images) is not
  /// done.
  /// @throws FormatError when it is not known, with its first line.
  [[nodiscard]] static ChatTemplate from_text(std::string_view jinja, ChatTokens tokens = {}) {
    return ChatTemplate(read_chat_layout(jinja), std::move(tokens));
  }

  [[nodiscard]] const ChatLayout& layout() const { return layout_; }
  [[nodiscard]] const std::optional<std::string>& default_system() const {
    return layout_.default_system;
  }

  /// The text that the template makes of the messages, BOS included where the template writes it.
  /// @param add_generation_prompt end with the beginning of the assistant's message, so that the
  /// model writes it. Layouts in which nothing stands there (Llama 2, Mistral) end behind the
  /// user's message anyway.
  /// @throws OptionError when the template refuses the messages: a system message that it has no
  /// place for, or roles out of turn.
  [[nodiscard]] std::string render(std::span<const ChatMessage> messages,
                                   bool add_generation_prompt = true) const {
    switch (layout_.family) {
      case ChatFamily::chatml: return render_chatml(messages, add_generation_prompt);
      case ChatFamily::qwen3: return render_qwen3(messages, add_generation_prompt);
      case ChatFamily::llama3: return render_llama3(messages, add_generation_prompt);
      case ChatFamily::gemma: return render_gemma(messages, add_generation_prompt);
      case ChatFamily::llama2: return render_llama2(messages);
      case ChatFamily::mistral: return render_mistral(messages);
    }
    return {};
  }

 private:
  using Messages = std::span<const ChatMessage>;

  [[nodiscard]] static bool begins_with_system(Messages messages) {
    return !messages.empty() && messages.front().role == "system";
  }

  [[nodiscard]] std::string_view trimmed(std::string_view content) const {
    return layout_.trims ? detail::strip(content) : content;
  }

  static void append_chatml(std::string& text, std::string_view role, std::string_view content) {
    (((((text += "<|im_start|>") += role) += '\n') += content) += "<|im_end|>") += '\n';
  }

  [[nodiscard]] std::string render_chatml(Messages messages, bool add_generation_prompt) const {
    std::string text = layout_.begins_with_bos ? tokens_.bos : "";
    if (layout_.default_system && !messages.empty() && !begins_with_system(messages)) {
      append_chatml(text, "system", *layout_.default_system);
    }
    for (const ChatMessage& message : messages)
      append_chatml(text, message.role, trimmed(message.content));
    if (add_generation_prompt) text += "<|im_start|>assistant\n";
    return text;
  }

  [[nodiscard]] std::string render_qwen3(Messages messages, bool add_generation_prompt) const {
    // Thoughts stay in the answers behind the last question, which are steps of one answer.
    std::size_t last_question = messages.empty() ? 0 : messages.size() - 1;
    for (std::size_t i = messages.size(); i-- > 0;) {
      const std::string& content = messages[i].content;
      if (messages[i].role != "user" ||
          (content.starts_with("<tool_response>") && content.ends_with("</tool_response>")))
        continue;
      last_question = i;
      break;
    }
    std::string text;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const ChatMessage& message = messages[i];
      require<OptionError>(
          message.role == "user" || message.role == "system" || message.role == "assistant",
          "message ", i, " has the role ", in_quotes(message.role),
          "; supported: system, user, assistant");
      if (message.role == "assistant") {
        append_chatml(text, message.role,
                      qwen3_answer(message.content, i > last_question, i + 1 == messages.size()));
      } else {
        append_chatml(text, message.role, message.content);
      }
    }
    if (add_generation_prompt) (text += "<|im_start|>assistant\n") += layout_.generation_suffix;
    return text;
  }

  [[nodiscard]] static std::string qwen3_answer(std::string_view content, bool with_thoughts,
                                                bool is_last) {
    constexpr std::string_view kBegin = "<think>";
    constexpr std::string_view kEnd = "</think>";
    std::string_view thoughts;
    if (content.find(kEnd) != std::string_view::npos) {
      thoughts = detail::strip_trailing_newlines(content.substr(0, content.find(kEnd)));
      if (const std::size_t begin = thoughts.rfind(kBegin); begin != std::string_view::npos)
        thoughts.remove_prefix(begin + kBegin.size());
      thoughts = detail::strip_leading_newlines(thoughts);
      content = detail::strip_leading_newlines(content.substr(content.rfind(kEnd) + kEnd.size()));
    }
    if (!with_thoughts || (!is_last && thoughts.empty())) return std::string(content);
    return std::string("<think>\n")
        .append(detail::strip_trailing_newlines(thoughts))
        .append("\n</think>\n\n")
        .append(detail::strip_leading_newlines(content));
  }

  [[nodiscard]] std::string render_llama3(Messages messages, bool add_generation_prompt) const {
    std::string text = layout_.begins_with_bos ? tokens_.bos : "";
    const auto open = [&text](std::string_view role) {
      ((text += "<|start_header_id|>") += role) += "<|end_header_id|>\n\n";
    };
    if (!layout_.system_preamble.empty()) {
      open("system");
      text += layout_.system_preamble;
      if (begins_with_system(messages)) {
        text += trimmed(messages.front().content);
        messages = messages.subspan(1);
      }
      text += "<|eot_id|>";
    }
    for (const ChatMessage& message : messages) {
      open(message.role);
      (text += trimmed(message.content)) += "<|eot_id|>";
    }
    if (add_generation_prompt) open("assistant");
    return text;
  }

  /// Takes a system message off the front of `messages`; user and assistant must take turns in the
  /// rest.
  [[nodiscard]] std::optional<std::string> take_system(Messages& messages) const {
    std::optional<std::string> system;
    if (begins_with_system(messages)) {
      require<OptionError>(layout_.system != SystemPlace::nowhere,
                           "the model's chat template has no place for a system message; put its "
                           "text before the first question");
      system = messages.front().content;
      messages = messages.subspan(1);
    }
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const std::string_view expected = i % 2 == 0 ? "user" : "assistant";
      require<OptionError>(messages[i].role == expected, "message ", i + (system ? 1 : 0),
                           " has the role ", in_quotes(messages[i].role),
                           ", but this chat template wants user and assistant in turn: expected ",
                           expected);
    }
    return system;
  }

  [[nodiscard]] std::string render_llama2(Messages messages) const {
    const std::optional<std::string> system = take_system(messages);
    std::string text;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      std::string content = messages[i].content;
      if (i == 0 && system) content.insert(0, "<<SYS>>\n" + *system + "\n<</SYS>>\n\n");
      if (i % 2 == 0) {
        (((text += tokens_.bos) += "[INST] ") += detail::strip(content)) += " [/INST]";
      } else {
        (((text += ' ') += detail::strip(content)) += ' ') += tokens_.eos;
      }
    }
    return text;
  }

  [[nodiscard]] std::string render_mistral(Messages messages) const {
    const std::optional<std::string> system = take_system(messages);
    std::string text = layout_.begins_with_bos ? tokens_.bos : "";
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const std::string& content = messages[i].content;
      if (i % 2 == 0) {
        text += layout_.user_begin;
        const std::size_t place = layout_.system == SystemPlace::last_user ? messages.size() - 1
                                                                           : 0;
        if (system && i == place) (text += *system) += "\n\n";
        (text += content) += layout_.user_end;
      } else {
        (((text += layout_.answer_begin) += trimmed(content)) += tokens_.eos) += layout_.answer_end;
      }
    }
    return text;
  }

  [[nodiscard]] std::string render_gemma(Messages messages, bool add_generation_prompt) const {
    const std::optional<std::string> system = take_system(messages);
    std::string text = layout_.begins_with_bos ? tokens_.bos : "";
    for (std::size_t i = 0; i < messages.size(); ++i) {
      ((text += "<start_of_turn>") += i % 2 == 0 ? "user" : "model") += '\n';
      if (i == 0 && system) (text += *system) += "\n\n";
      (text += trimmed(messages[i].content)) += "<end_of_turn>\n";
    }
    if (add_generation_prompt) text += "<start_of_turn>model\n";
    return text;
  }

  ChatLayout layout_;
  ChatTokens tokens_;
};

}  // namespace tutti
