// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of check_request.hpp.

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/check_request.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::detail {

TUTTI_INLINE std::vector<Token> encode_prompt(const Request& request, const TextCodec& codec) {
  if (!request.prompt_tokens.empty()) return request.prompt_tokens;
  std::vector<Token> prompt;
  if (!request.messages.empty()) {
    require<OptionError>(static_cast<bool>(codec.encode_chat), "a chat of ",
                         request.messages.size(),
                         " messages needs a chat template, and the ensemble's codec has none: "
                         "set TextCodec::encode_chat, or give the request a prompt");
    prompt = codec.encode_chat(request.messages);
    require<OptionError>(!prompt.empty(), "the chat of ", request.messages.size(),
                         " messages has 0 tokens: give at least one");
    return prompt;
  }
  require<OptionError>(!request.prompt.empty(),
                       "the prompt is empty: give a text, messages, or at least one token");
  require<OptionError>(static_cast<bool>(codec.encode),
                       "a text prompt needs a tokenizer: give the ensemble a TextCodec, or the "
                       "request prompt_tokens");
  prompt = codec.encode(request.prompt);
  require<OptionError>(!prompt.empty(), "the prompt of ", request.prompt.size(),
                       " bytes has 0 tokens: give at least one");
  return prompt;
}

TUTTI_INLINE std::string_view prompt_text(const Request& request) {
  for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
    if (message->role == "user") return message->content;
  }
  return request.prompt;
}

TUTTI_INLINE void check_request(const Request& request, const TextCodec& codec,
                                std::size_t vocabulary_size) {
  request.sampling.validate(vocabulary_size);
  const int prompts = (request.prompt.empty() ? 0 : 1) + (request.messages.empty() ? 0 : 1) +
                      (request.prompt_tokens.empty() ? 0 : 1);
  require<OptionError>(prompts <= 1, "the request has a prompt of ", request.prompt.size(),
                       " bytes, ", request.messages.size(), " messages and ",
                       request.prompt_tokens.size(), " prompt tokens: give one of the three");
  const bool custom = static_cast<bool>(request.custom_sampler);
  require<OptionError>(!custom || request.sampling == SamplingOptions{},
                       "the request has a custom_sampler and also sampling options, which it "
                       "would ignore: leave `sampling` at its defaults, or use `filters`");
  require<OptionError>(!custom || request.filters.empty(), "the request has a custom_sampler and ",
                       request.filters.size(),
                       " filters, which it would ignore: give one of the two");
  require<OptionError>(request.samples_per_expert >= 1 && request.samples_per_expert <= kMaxSamples,
                       "samples_per_expert is ", request.samples_per_expert,
                       ": it must be between 1 and ", kMaxSamples);
  require<OptionError>(request.max_new_tokens >= 1, "max_new_tokens is 0: it must be at least 1");
  require<OptionError>(request.budget.max_seconds >= 0, "budget.max_seconds is ",
                       request.budget.max_seconds, ": it must be 0 (no limit) or positive");
  require<OptionError>(!request.deadline || *request.deadline > std::chrono::steady_clock::now(),
                       "the deadline of the request is ",
                       request.deadline ? std::chrono::duration<double>(
                                              std::chrono::steady_clock::now() - *request.deadline)
                                              .count()
                                        : 0.0,
                       " s in the past: give a later one, or none");
  require<OptionError>(request.stop_strings.empty() || codec.token_bytes,
                       request.stop_strings.size(),
                       " stop strings need the text of tokens, and the ensemble has no "
                       "tokenizer: give it a TextCodec with token_bytes, or the request "
                       "stop_tokens");
  for (std::size_t i = 0; i < request.stop_strings.size(); ++i) {
    require<OptionError>(!request.stop_strings[i].empty(), "stop string ", i, " of ",
                         request.stop_strings.size(),
                         " is empty and would end every candidate at once: remove it");
    require<OptionError>(replace_invalid_utf8(request.stop_strings[i]) == request.stop_strings[i],
                         "stop string ", i, " of ", request.stop_strings.size(),
                         " is not valid UTF-8: generated texts are, and it would never match");
  }
}

}  // namespace tutti::detail
