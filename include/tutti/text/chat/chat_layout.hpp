// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a chat template writes, found in its text: the family, and the points in which templates of
// one family differ.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/chat/detail/jinja_text.hpp"

namespace tutti {

enum class ChatFamily : std::uint8_t {
  chatml,  ///< <|im_start|>role\ncontent<|im_end|>\n. SmolLM2, Qwen2 and Qwen2.5, and many more.
  qwen3,   ///< ChatML in which the thoughts of earlier answers are left out.
  /// [INST] <<SYS>>\nsystem\n<</SYS>>\n\nuser [/INST] assistant, BOS and EOS around each turn.
  llama2,
  llama3,   ///< <|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>.
  mistral,  ///< [INST] user [/INST] assistant, EOS behind each answer.
  gemma,    ///< <start_of_turn>role\ncontent<end_of_turn>\n, the assistant's role being "model".
};

/// Where the text of a system message goes.
enum class SystemPlace : std::uint8_t {
  message,     ///< It is a message like any other.
  first_user,  ///< Before the first message of the user.
  /// Before the last message, if that is one of the user; otherwise it is lost, as the template
  /// loses it.
  last_user,
  nowhere,  ///< The template refuses it.
};

struct ChatLayout {
  ChatFamily family = ChatFamily::chatml;
  SystemPlace system = SystemPlace::message;
  bool begins_with_bos = false;
  /// White space around contents is left out; in mistral around answers only.
  bool trims = false;
  /// ChatML: put first where the messages do not begin with a system message.
  std::optional<std::string> default_system;
  /// Llama 3.1: begins the system message, which there always is then.
  std::string system_preamble;
  std::string user_begin;  ///< Mistral's spelling of [INST], and so on.
  std::string user_end;
  std::string answer_begin;
  std::string answer_end;         ///< Behind EOS.
  std::string generation_suffix;  ///< Qwen3: behind the opening of the answer.
};

namespace detail {

/// Recognizes templates by the code they consist of.
class ChatLayoutReader {
 public:
  explicit ChatLayoutReader(std::string_view jinja)
      : jinja_(jinja), code_(canonical_jinja(jinja)) {}

  [[nodiscard]] ChatLayout read() const {
    ChatLayout layout;
    layout.begins_with_bos = has("bos_token");
    layout.trims = has("|trim") || has(".strip()");
    const bool known = has("<|im_start|>")          ? read_chatml(layout)
                       : has("<|start_header_id|>") ? read_llama3(layout)
                       : has("<<SYS>>")             ? read_llama2(layout)
                       : has("[INST]")              ? read_mistral(layout)
                                                    : has("<start_of_turn>") && read_gemma(layout);
    require<FormatError>(known,
                         "chat template not supported; supported: those of ChatML, Qwen, Llama 2, "
                         "Llama 3, Mistral (v1, v3) and ",
                         "Gemma; it begins with ", in_quotes(jinja_.substr(0, jinja_.find('\n'))),
                         "; render the messages yourself");
    return layout;
  }

 private:
  [[nodiscard]] bool has(std::string_view code) const {
    return code_.find(code) != std::string::npos;
  }

  bool read_chatml(ChatLayout& layout) const {
    if (!has("<|im_end|>") || has("<|im_sep|>")) return false;
    if (has("think>")) {
      if (!has("last_query_index")) return false;
      layout.family = ChatFamily::qwen3;
      layout.trims = false;
      if (has("'<|im_start|>assistant\\n<think>\\n'")) layout.generation_suffix = "<think>\n";
    } else {
      layout.default_system = find_default_system();
    }
    return true;
  }

  bool read_llama3(ChatLayout& layout) const {
    layout.family = ChatFamily::llama3;
    constexpr std::string_view kCutOff = "Cutting Knowledge Date: December 2023\n";
    if (has("'Cutting Knowledge Date: December 2023\\n'") &&
        has("'Today Date: '+date_string+'\\n\\n'")) {
      // Where the template asks for today's date, its own answer for a world without clocks: the
      // same prompt every day.
      if (!has("date_string='26 Jul 2024'")) return false;
      layout.system_preamble = std::string(kCutOff) + "Today Date: 26 Jul 2024\n\n";
    } else if (has("<|start_header_id|>system")) {
      return false;
    }
    return has("<|eot_id|>") && has("message['content']|trim");
  }

  bool read_llama2(ChatLayout& layout) const {
    layout.family = ChatFamily::llama2;
    layout.system = SystemPlace::first_user;
    return has("bos_token+'[INST] '+content.strip()+' [/INST]'") &&
           has("' '+content.strip()+' '+eos_token") && !has("eliftrue==true");
  }

  bool read_mistral(ChatLayout& layout) const {
    layout.family = ChatFamily::mistral;
    constexpr std::array<std::string_view, 3> kBegins{"[INST] ", " [INST] ", "[INST]"};
    constexpr std::array<std::string_view, 2> kEnds{" [/INST]", "[/INST]"};
    bool user = false;
    for (const std::string_view begin : kBegins) {
      for (const std::string_view end : kEnds) {
        const std::string code = '\'' + std::string(begin) + "'+message['content']+'" +
                                 std::string(end) + '\'';
        if (!has(code)) continue;
        user = true;
        layout.user_begin = begin;
        layout.user_end = end;
      }
    }
    layout.answer_begin = has("' '+message['content']") ? " " : "";
    layout.answer_end = has("eos_token+' '") ? " " : "";
    layout.trims = has("message['content']|trim+eos_token");
    const bool answer = layout.trims || has("message['content']+eos_token");
    const bool folds = has("+system_message+'\\n\\n'+message['content']+");
    layout.system = !folds                                ? SystemPlace::nowhere
                    : has("ifloop.lastandsystem_message") ? SystemPlace::last_user
                                                          : SystemPlace::first_user;
    if (folds && layout.system == SystemPlace::first_user && !has("ifloop.firstandsystem_message"))
      return false;
    return user && answer && !has("[SYSTEM_PROMPT]");
  }

  bool read_gemma(ChatLayout& layout) const {
    layout.family = ChatFamily::gemma;
    const bool folds = has("first_user_prefix=messages[0]['content']+'\\n\\n'") ||
                       has("first_user_prefix=messages[0]['content']+'\n\n'");
    layout.system = folds ? SystemPlace::first_user : SystemPlace::nowhere;
    return has("<end_of_turn>") && layout.trims && (folds || has("System role not supported"));
  }

  /// Looks for a whole system message, <|im_start|>system\n...<|im_end|>, in one string literal or
  /// in the template's plain text.
  [[nodiscard]] std::optional<std::string> find_default_system() const {
    constexpr std::string_view kOpening = "<|im_start|>system";
    std::string_view rest = jinja_;
    for (std::size_t at = rest.find(kOpening); at != std::string_view::npos;
         at = rest.find(kOpening)) {
      const char before = at > 0 ? rest[at - 1] : '\0';
      rest.remove_prefix(at + kOpening.size());
      const std::optional<std::string> message = take_jinja_literal(
          rest, before == '\'' || before == '"' ? before : '\0', "<|im_end|>");
      if (message && message->starts_with('\n')) return message->substr(1);
    }
    return std::nullopt;
  }

  std::string_view jinja_;
  std::string code_;
};

}  // namespace detail

/// What the template `jinja` writes; its branches for tools are not looked at.
/// @throws FormatError with its first line when it is of no known family, or departs from it in a
/// way that is not known.
[[nodiscard]] inline ChatLayout read_chat_layout(std::string_view jinja) {
  return detail::ChatLayoutReader(jinja).read();
}

}  // namespace tutti
