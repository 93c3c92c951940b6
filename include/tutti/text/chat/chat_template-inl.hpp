// SPDX-License-Identifier: Apache-2.0
#pragma once
// Prepares the variables of a chat template, runs it and returns its output.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/jinja/interpreter.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/syntax/parser.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"
#include "tutti/text/jinja/value/runtime.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

namespace detail {

/// A copy in which every string is tainted.
[[nodiscard]] inline ChatValue taint(jinja::Runtime& runtime, const ChatValue& value) {
  const jinja::Runtime::Level level(runtime);
  runtime.charge_steps(1);
  if (const jinja::TaintedText* text = value.string()) {
    return runtime.make_string(jinja::TaintedText(
        is_valid_utf8(text->bytes()) ? text->bytes() : replace_invalid_utf8(text->bytes()), true));
  }
  if (const jinja::Sequence* sequence = value.sequence()) {
    std::vector<ChatValue> items;
    for (const ChatValue& item : sequence->items) items.push_back(taint(runtime, item));
    return runtime.make_list(std::move(items));
  }
  if (const jinja::Dict* dict = value.dict()) {
    jinja::Dict result;
    for (const jinja::Dict::Entry& entry : dict->entries) {
      jinja::set_key(runtime, result, taint(runtime, entry.key), taint(runtime, entry.value));
    }
    return runtime.make_dict(std::move(result));
  }
  return value;
}

/// A role of letters, digits, "_" and "-" cannot hold a special token, and may be part of one that
/// the template puts together, as '<|' + role + '|>'.
[[nodiscard]] inline bool is_plain_role(std::string_view role) {
  return std::all_of(role.begin(), role.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

/// One message as transformers 5 hands it to a template: without members that are None, and with
/// the model's thoughts under both of the names that templates know.
[[nodiscard]] inline ChatValue prepare_message(jinja::Runtime& runtime, const ChatValue& message) {
  const jinja::Dict* members = message.dict();
  require<OptionError>(members != nullptr, "a chat message is a ", jinja::type_name(message),
                       "; expected a dict with \"role\" and \"content\"");
  constexpr std::array<std::string_view, 3> kReasoning{"reasoning_content", "thinking",
                                                       "reasoning"};
  const ChatValue* reasoning = nullptr;
  for (const std::string_view name : kReasoning) {
    const ChatValue* value = members->find(name);
    if (reasoning == nullptr && value != nullptr && !value->is_none()) reasoning = value;
  }
  jinja::Dict result;
  if (reasoning != nullptr) result.set(ChatValue("thinking"), taint(runtime, *reasoning));
  for (const jinja::Dict::Entry& entry : members->entries) {
    if (entry.value.is_none() || entry.value.is_undefined() || !entry.key.is_string()) continue;
    const bool is_role = entry.key.string()->bytes() == "role" && entry.value.is_string() &&
                         is_plain_role(entry.value.string()->bytes());
    result.set(entry.key, is_role ? entry.value : taint(runtime, entry.value));
  }
  if (reasoning != nullptr) result.set(ChatValue("reasoning_content"), taint(runtime, *reasoning));
  return runtime.make_dict(std::move(result));
}

/// The messages as a list of dicts.
[[nodiscard]] inline ChatValue to_chat_value(std::span<const ChatMessage> messages) {
  auto list = std::make_shared<jinja::Sequence>();
  for (const ChatMessage& message : messages) {
    jinja::Dict members;
    members.set(ChatValue("role"), ChatValue(message.role));
    members.set(ChatValue("content"), ChatValue(message.content));
    if (const jinja::Dict* extra = message.extra.dict()) {
      for (const jinja::Dict::Entry& entry : extra->entries) {
        if (entry.key.is_string()) members.set(entry.key, entry.value);
      }
    } else {
      require<OptionError>(message.extra.is_undefined() || message.extra.is_none(),
                           "ChatMessage::extra is a ", jinja::type_name(message.extra),
                           "; expected a dict");
    }
    for (const jinja::Dict::Entry& entry : members.entries) {
      members.depth = std::max(members.depth, entry.value.depth() + 1);
    }
    list->depth = std::max(list->depth, members.depth + 1);
    list->items.emplace_back(std::make_shared<const jinja::Dict>(std::move(members)));
  }
  return ChatValue(std::shared_ptr<const jinja::Sequence>(std::move(list)));
}

[[nodiscard]] inline std::vector<ChatSegment> to_segments(const jinja::TaintedText& text) {
  std::vector<ChatSegment> segments;
  const auto add = [&](std::size_t begin, std::size_t end, bool is_content) {
    if (begin < end) segments.push_back({text.bytes().substr(begin, end - begin), is_content});
  };
  std::size_t done = 0;
  for (const ByteRange& range : text.tainted()) {
    add(done, range.begin, false);
    add(range.begin, range.end, true);
    done = range.end;
  }
  add(done, text.size(), false);
  return segments;
}

}  // namespace detail

TUTTI_INLINE ChatTemplate ChatTemplate::from_text(std::string_view jinja, ChatTokens tokens) {
  require<FormatError>(!jinja.empty(), "the chat template is empty");
  return ChatTemplate(jinja::parse(jinja), std::move(tokens));
}

TUTTI_INLINE ChatTemplate ChatTemplate::chatml() {
  return from_text(
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
      "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}");
}

TUTTI_INLINE jinja::TaintedText ChatTemplate::render_tainted(const ChatValue& messages,
                                                             const ChatOptions& options) const {
  jinja::Runtime runtime(options.limits, options.now);
  const jinja::Sequence* list = messages.sequence();
  require<OptionError>(list != nullptr, "the chat messages are a ", jinja::type_name(messages),
                       "; expected a list");
  std::vector<ChatValue> prepared;
  for (const ChatValue& message : list->items) {
    prepared.push_back(detail::prepare_message(runtime, message));
  }
  std::vector<std::pair<std::string, ChatValue>> variables;
  const auto add_token = [&](const std::string& name, const std::string& text) {
    if (!text.empty()) variables.push_back({name, ChatValue(text)});
  };
  // Of equal names the first one counts.
  for (const auto& variable : options.variables) variables.push_back(variable);
  variables.push_back({"messages", runtime.make_list(std::move(prepared))});
  variables.push_back({"tools", detail::taint(runtime, options.tools)});
  variables.push_back({"documents", detail::taint(runtime, options.documents)});
  variables.push_back({"add_generation_prompt", ChatValue(options.add_generation_prompt)});
  add_token("bos_token", tokens_.bos);
  add_token("eos_token", tokens_.eos);
  for (const auto& [name, text] : tokens_.others) add_token(name, text);
  return jinja::render(runtime, *tree_, std::move(variables));
}

TUTTI_INLINE jinja::TaintedText ChatTemplate::render_tainted(std::span<const ChatMessage> messages,
                                                             const ChatOptions& options) const {
  return render_tainted(detail::to_chat_value(messages), options);
}

TUTTI_INLINE std::string ChatTemplate::render(std::span<const ChatMessage> messages,
                                              const ChatOptions& options) const {
  return render_tainted(messages, options).bytes();
}

TUTTI_INLINE std::string ChatTemplate::render(const ChatValue& messages,
                                              const ChatOptions& options) const {
  return render_tainted(messages, options).bytes();
}

TUTTI_INLINE std::vector<ChatSegment> ChatTemplate::render_segments(
    std::span<const ChatMessage> messages, const ChatOptions& options) const {
  return detail::to_segments(render_tainted(messages, options));
}

TUTTI_INLINE std::vector<ChatSegment> ChatTemplate::render_segments(
    const ChatValue& messages, const ChatOptions& options) const {
  return detail::to_segments(render_tainted(messages, options));
}

}  // namespace tutti
