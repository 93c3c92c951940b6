// SPDX-License-Identifier: Apache-2.0
#pragma once
// A conversation: keeps the messages, and answers each new one with all before it as the prompt.
// Earlier turns are not computed again: the engine's prefix cache has the pages of the last prompt
// and of the picked answer (full pages of 64 tokens, as long as the chat template repeats their
// tokens). Answers are the same with and without the cache, bit for bit.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/result.hpp"
#include "tutti/text/chat/chat_message.hpp"

namespace tutti {

/// What can answer the requests of a chat: an Ensemble, or any type with `submit` or `generate`.
template <class T>
concept AnswersRequests = requires(T& answerer, Request request) {
  { answerer.submit(request).get() } -> std::convertible_to<Result>;
}
|| requires(T& answerer, const Request& request) {
  { answerer.generate(request) } -> std::convertible_to<Result>;
};

/// One conversation, used by one thread at a time. Several chats may share an ensemble, in several
/// threads when its engine has been started.
///
///     tutti::Chat chat(ensemble, "You are a helpful assistant.");
///     std::cout << chat.say("Name three uses of a brick.").text();
///     std::cout << chat.say("Which of them is the oldest?").text();
///
/// If a turn throws, the conversation is as it was before that turn.
class Chat {
 public:
  using Stream = std::function<void(const StreamEvent&)>;

  /// @param answerer answers the requests; it must outlive the chat.
  /// @param system the system message; empty: none, or the chat template's own.
  /// @param settings of every turn: sampling, samples, limits, seed, priority. Its prompt must be
  /// empty.
  template <AnswersRequests Answerer>
  explicit Chat(Answerer& answerer, const std::string& system = {}, Request settings = {})
      : Chat(std::function<Result(Request)>([&answerer](const Request& request) -> Result {
               if constexpr (requires { answerer.submit(request).get(); }) {
                 return answerer.submit(request).get();
               } else {
                 return answerer.generate(request);
               }
             }),
             system, std::move(settings)) {}

  /// The same with a function, for instance one that submits with a method to an Engine.
  explicit Chat(std::function<Result(Request)> answer, const std::string& system = {},
                Request settings = {})
      : answer_(std::move(answer)), settings_(std::move(settings)) {
    require<OptionError>(static_cast<bool>(answer_),
                         "the function that answers a chat is empty: give one, or an ensemble");
    if (!system.empty()) messages_.push_back({"system", system});
  }

  /// Appends a message of the user, answers, and appends the answer: the text of the picked
  /// candidate, also when a limit or a stop cut it off.
  /// @param stream called for each token of every candidate, in the thread of the engine; empty:
  /// the stream of the settings.
  /// @throws as Ensemble::generate does, in particular CapacityError when the conversation is
  /// longer than the context (see drop_oldest_turn); OptionError for an empty text.
  Result say(std::string text, Stream stream = {}) {
    require<OptionError>(!text.empty(), "message ", messages_.size(),
                         " of the chat is empty: give it a text");
    std::vector<ChatMessage> messages = messages_;
    messages.push_back({"user", std::move(text)});
    return answer(std::move(messages), 0, std::move(stream));
  }

  /// Answers the messages as they are: after `add` has appended those of a tool, or a history that
  /// ends with a question.
  Result reply(Stream stream = {}) { return answer(messages_, 0, std::move(stream)); }

  /// Replaces the last answer by another one, drawn from the next stream of random draws. Greedy
  /// sampling gives the same answer again.
  /// @throws OptionError when the last message is not an answer.
  Result regenerate(Stream stream = {}) {
    require<OptionError>(!messages_.empty() && messages_.back().role == kAssistant, "the last of ",
                         messages_.size(),
                         " messages is not an answer: there is nothing to regenerate");
    const std::span<const ChatMessage> before(messages_.data(), messages_.size() - 1);
    return answer({before.begin(), before.end()}, attempt_ + 1, std::move(stream));
  }

  /// Removes the last message of the user and everything after it.
  /// @returns that message, for instance to be edited; none when there is no turn.
  std::optional<std::string> undo() {
    const auto last = std::find_if(messages_.rbegin(), messages_.rend(), is_user);
    if (last == messages_.rend()) return std::nullopt;
    std::string text = std::move(last->content);
    messages_.erase(last.base() - 1, messages_.end());
    attempt_ = 0;
    return text;
  }

  /// Removes the oldest message of the user and everything up to the next one, to make room in the
  /// context. The system message stays. What follows is computed again in the next turn, since
  /// its positions change.
  /// @returns false when there are fewer than two turns: then nothing is removed.
  bool drop_oldest_turn() {
    const auto first = std::find_if(messages_.begin(), messages_.end(), is_user);
    if (first == messages_.end()) return false;
    const auto second = std::find_if(first + 1, messages_.end(), is_user);
    if (second == messages_.end()) return false;
    messages_.erase(first, second);
    return true;
  }

  /// Appends a message without answering it.
  void add(ChatMessage message) {
    messages_.push_back(std::move(message));
    attempt_ = 0;
  }

  /// Removes all messages but those of the system.
  void clear() {
    std::erase_if(messages_, [](const ChatMessage& message) { return message.role != "system"; });
    attempt_ = 0;
  }

  [[nodiscard]] const std::vector<ChatMessage>& messages() const { return messages_; }
  /// The settings of the next turns, for instance the StopToken of the next one.
  [[nodiscard]] Request& settings() { return settings_; }

 private:
  static constexpr const char* kAssistant = "assistant";

  static bool is_user(const ChatMessage& message) { return message.role == "user"; }

  /// @param attempt how often the answer to these messages has been regenerated.
  Result answer(std::vector<ChatMessage> messages, std::uint32_t attempt, Stream stream) {
    require<OptionError>(
        settings_.prompt.empty() && settings_.prompt_tokens.empty() && settings_.messages.empty(),
        "the settings of a chat have a prompt of ", settings_.prompt.size(), " bytes, ",
        settings_.messages.size(), " messages and ", settings_.prompt_tokens.size(),
        " prompt tokens: all must be empty, the chat has its own messages");
    Request request = settings_;
    request.messages = messages;
    request.draw_stream += attempt;
    if (stream) request.stream = std::move(stream);
    Result result = answer_(std::move(request));
    require<ComponentError>(result.selection.index < result.candidates.size(),
                            "the answer to a chat is candidate ", result.selection.index, " of ",
                            result.candidates.size(), ": the method must write at least one");
    messages.push_back({kAssistant, result.text()});
    messages_ = std::move(messages);
    attempt_ = attempt;
    return result;
  }

  std::function<Result(Request)> answer_;
  Request settings_;
  std::vector<ChatMessage> messages_;
  std::uint32_t attempt_ = 0;
};

}  // namespace tutti
