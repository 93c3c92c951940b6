// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writes one candidate token by token: decides when it ends, keeps its text, and tells the
// listener.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/text_assembler.hpp"
#include "tutti/sampler/sampler.hpp"
#include "tutti/text/text_codec.hpp"

namespace tutti {

class CandidateWriter {
 public:
  /// `request`, `codec` and `prompt` must outlive the writer. @param context_length positions that
  /// the model has.
  CandidateWriter(const Request& request, const TextCodec& codec, std::span<const Token> prompt,
                  std::size_t context_length, std::uint32_t expert, std::uint32_t sample)
      : request_(request),
        codec_(codec),
        prompt_length_(prompt.size()),
        context_length_(context_length),
        history_(prompt.begin(), prompt.end()),
        text_(request.stop_strings) {
    candidate_.expert = expert;
    candidate_.sample = sample;
  }

  /// Whether more tokens are wanted.
  [[nodiscard]] bool running() const { return candidate_.finish == FinishReason::running; }
  /// Prompt and tokens up to here.
  [[nodiscard]] SamplingContext context() const { return {history_, prompt_length_}; }
  /// Position of the last token in its sequence.
  [[nodiscard]] std::uint32_t last_position() const {
    return static_cast<std::uint32_t>(history_.size() - 1);
  }
  [[nodiscard]] Token last_token() const { return history_.back(); }
  [[nodiscard]] std::uint32_t expert() const { return candidate_.expert; }
  [[nodiscard]] std::uint32_t sample() const { return candidate_.sample; }
  /// Coordinates of the next draw.
  [[nodiscard]] DrawKey draw_key() const {
    return {request_.seed, request_.id, static_cast<std::uint16_t>(candidate_.expert),
            static_cast<std::uint16_t>(candidate_.sample),
            static_cast<std::uint32_t>(history_.size())};
  }

  /// Takes the next token. Tokens that end the candidate do not become part of it.
  void take(Token token, float log_probability) {
    if (!request_.ignore_end_of_text && contains(codec_.end_of_text, token))
      return finish(FinishReason::end_of_text);
    if (contains(request_.stop_tokens, token)) return finish(FinishReason::stop_token);
    history_.push_back(token);
    candidate_.tokens.push_back(token);
    candidate_.log_probabilities.push_back(log_probability);
    const std::string_view text = codec_.token_bytes ? text_.push(codec_.token_bytes(token))
                                                     : std::string_view{};
    tell(token, log_probability, text);
    if (text_.stopped()) return finish(FinishReason::stop_string);
    if (candidate_.tokens.size() >= request_.max_new_tokens) return finish(FinishReason::length);
    if (history_.size() >= context_length_) return finish(FinishReason::context_full);
  }

  /// Ends the candidate, unless it has ended already.
  void finish(FinishReason reason) {
    if (!running()) return;
    const std::string_view rest = text_.finish();
    candidate_.text = text_.text();
    candidate_.finish = reason;
    tell(-1, 0.0F, rest);
  }

  /// The candidate; call after it has ended.
  [[nodiscard]] Candidate release() { return std::move(candidate_); }

 private:
  static bool contains(const std::vector<Token>& tokens, Token token) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  }

  void tell(Token token, float log_probability, std::string_view text) const {
    if (request_.stream)
      request_.stream(
          {candidate_.expert, candidate_.sample, token, log_probability, text, candidate_.finish});
  }

  const Request& request_;
  const TextCodec& codec_;
  std::size_t prompt_length_;
  std::size_t context_length_;
  std::vector<Token> history_;
  TextAssembler text_;
  Candidate candidate_;
};

}  // namespace tutti
