// SPDX-License-Identifier: Apache-2.0
#pragma once
// Chat messages to the text that a model was trained on, by the model's own Jinja template. The
// engine in text/jinja/ runs it as transformers does (jinja2's immutable sandbox, trim_blocks,
// lstrip_blocks, break and continue, tojson, raise_exception, strftime_now).

#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/chat/chat_limits.hpp"
#include "tutti/text/chat/chat_message.hpp"
#include "tutti/text/chat/chat_value.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"

namespace tutti {

namespace jinja {
struct SyntaxTree;
}

/// The texts of the tokens that templates write by name; empty ones are not defined there.
struct ChatTokens {
  std::string bos;
  std::string eos;
  /// Others by the name that templates know them by, such as {"unk_token", "<unk>"}.
  std::vector<std::pair<std::string, std::string>> others = {};
};

struct ChatOptions {
  /// End with the beginning of the assistant's message, so that the model writes it.
  bool add_generation_prompt = true;
  ChatValue tools = jinja::None{};      ///< A list of function definitions (JSON schema), or None.
  ChatValue documents = jinja::None{};  ///< A list of dicts, or None.
  /// More variables, such as {"enable_thinking", false}. What they are depends on the template.
  std::vector<std::pair<std::string, ChatValue>> variables = {};
  ChatLimits limits = {};
  /// What strftime_now shows; the system's local time if absent. Only the date and the time of day
  /// are read.
  std::optional<std::tm> now = std::nullopt;
};

/// A stretch of rendered text.
struct ChatSegment {
  std::string text;
  /// It comes from a message, a tool or a document, not from the template.
  bool is_content = false;

  friend bool operator==(const ChatSegment&, const ChatSegment&) = default;
};

/// Immutable; copies share the parsed template. Const methods may run in any number of threads.
class ChatTemplate {
 public:
  /// @throws FormatError when the template is empty, malformed, or uses what the engine does not
  /// support, which is named with its line.
  [[nodiscard]] static ChatTemplate from_text(std::string_view jinja, ChatTokens tokens = {});

  /// "<|im_start|>role\ncontent<|im_end|>\n" for every message.
  [[nodiscard]] static ChatTemplate chatml();

  /// The text that the template makes of the messages, BOS included where the template writes it.
  /// Members of a message that are None are left out, as by transformers 5.
  /// @throws OptionError when the template refuses the messages (roles out of turn, say) or they
  /// lack what it needs; FormatError when it turns out to use what is not supported;
  /// CapacityError beyond the limits.
  [[nodiscard]] std::string render(std::span<const ChatMessage> messages,
                                   const ChatOptions& options = {}) const;
  /// @param messages a list of dicts, as in the OpenAI API.
  [[nodiscard]] std::string render(const ChatValue& messages,
                                   const ChatOptions& options = {}) const;

  /// The same text in segments, so that special tokens can be looked for in the template's own text
  /// only; render_tokens does so. A role counts as text of the template if it is a plain word.
  [[nodiscard]] std::vector<ChatSegment> render_segments(std::span<const ChatMessage> messages,
                                                         const ChatOptions& options = {}) const;
  [[nodiscard]] std::vector<ChatSegment> render_segments(const ChatValue& messages,
                                                         const ChatOptions& options = {}) const;

  /// The same text with the ranges of its content.
  [[nodiscard]] jinja::TaintedText render_tainted(std::span<const ChatMessage> messages,
                                                  const ChatOptions& options = {}) const;
  [[nodiscard]] jinja::TaintedText render_tainted(const ChatValue& messages,
                                                  const ChatOptions& options = {}) const;

 private:
  ChatTemplate(std::shared_ptr<const jinja::SyntaxTree> tree, ChatTokens tokens)
      : tree_(std::move(tree)), tokens_(std::move(tokens)) {}

  std::shared_ptr<const jinja::SyntaxTree> tree_;
  ChatTokens tokens_;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/chat/chat_template-inl.hpp"
#endif
