// SPDX-License-Identifier: Apache-2.0
#pragma once
// What methods that ask further prompts share.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/ensemble/request.hpp"

namespace tutti::detail {

/// The session's request with another text as its prompt, or as the last user message of its chat.
/// It has no stream callback.
/// @param number distinguishes the further prompts of a request, which draw independently.
/// @throws OptionError for a request whose prompt is given as tokens.
[[nodiscard]] inline Request further_request(const Session& session, std::string text,
                                             std::uint32_t number) {
  Request request = session.request();
  require<OptionError>(request.prompt_tokens.empty(), "the prompt is given as ",
                       request.prompt_tokens.size(),
                       " tokens, and the method asks further prompts that contain its text: give "
                       "the request a prompt or messages");
  const auto last = std::find_if(request.messages.rbegin(), request.messages.rend(),
                                 [](const ChatMessage& message) { return message.role == "user"; });
  if (request.messages.empty()) {
    request.prompt = std::move(text);
  } else if (last != request.messages.rend()) {
    last->content = std::move(text);
  } else {
    request.messages.push_back({"user", std::move(text)});
  }
  request.stream = {};
  request.draw_stream += 0x9E3779B9U * (number + 1);  // odd: different for different numbers
  return request;
}

/// The tokens of a text that continues another one: without a token for the beginning of a text.
/// @throws OptionError without a tokenizer.
[[nodiscard]] inline std::vector<Token> encode_continuation(const TextCodec& codec,
                                                            const std::string& text) {
  require<OptionError>(static_cast<bool>(codec.encode), "a text of ", text.size(),
                       " bytes needs a tokenizer: give the ensemble a TextCodec");
  std::vector<Token> tokens = codec.encode(text);
  const std::vector<Token> beginning = codec.encode("");
  if (tokens.size() > beginning.size() &&
      std::equal(beginning.begin(), beginning.end(), tokens.begin()))
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(beginning.size()));
  return tokens;
}

}  // namespace tutti::detail
