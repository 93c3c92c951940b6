// SPDX-License-Identifier: Apache-2.0
#pragma once
// Builds one candidate token by token: decides when it ends, assembles its text, and calls the
// stream callback.

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
  /// `request`, `codec` and `end_tokens` must outlive the writer.
  /// @param end_tokens tokens at which the experts of this candidate end a text.
  /// @param context_length number of positions of the model's context.
  CandidateWriter(const Request& request, const TextCodec& codec, std::span<const Token> prompt,
                  std::span<const Token> end_tokens, std::size_t context_length,
                  std::uint32_t expert, std::uint32_t sample)
      : request_(request),
        codec_(codec),
        end_tokens_(end_tokens),
        prompt_length_(prompt.size()),
        context_length_(context_length),
        history_(prompt.begin(), prompt.end()),
        text_(request.stop_strings) {
    candidate_.expert = expert;
    candidate_.sample = sample;
  }

  /// Whether the candidate has not ended.
  [[nodiscard]] bool running() const { return candidate_.finish == FinishReason::running; }
  /// The prompt and all tokens so far.
  [[nodiscard]] SamplingContext context() const { return {history_, prompt_length_}; }
  /// Position of the last token in its sequence.
  [[nodiscard]] std::uint32_t last_position() const {
    return static_cast<std::uint32_t>(history_.size() - 1);
  }
  [[nodiscard]] Token last_token() const { return history_.back(); }
  [[nodiscard]] std::uint32_t expert() const { return candidate_.expert; }
  [[nodiscard]] std::uint32_t sample() const { return candidate_.sample; }
  /// Key of the next draw.
  [[nodiscard]] DrawKey draw_key() const {
    return {request_.seed, request_.draw_stream, static_cast<std::uint16_t>(candidate_.expert),
            static_cast<std::uint16_t>(candidate_.sample),
            static_cast<std::uint32_t>(history_.size())};
  }

  /// Appends the next token, or ends the candidate at an end token, which does not become part of
  /// it.
  void append_token(Token token, float log_probability) {
    if (!request_.ignore_end_of_text && contains(end_tokens_, token))
      return finish(FinishReason::end_of_text);
    if (contains(request_.stop_tokens, token)) return finish(FinishReason::stop_token);
    history_.push_back(token);
    candidate_.tokens.push_back(token);
    candidate_.log_probabilities.push_back(log_probability);
    const std::string_view text = codec_.token_bytes ? text_.append_bytes(codec_.token_bytes(token))
                                                     : std::string_view{};
    notify_stream(token, log_probability, text);
    finish_if_complete();
  }

  /// Begins with the first `count` tokens of another candidate of the same prompt, without telling
  /// the stream. With all of its tokens the candidate may have ended.
  void copy_beginning(const CandidateWriter& other, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const Token token = other.candidate_.tokens[i];
      history_.push_back(token);
      candidate_.tokens.push_back(token);
      candidate_.log_probabilities.push_back(other.candidate_.log_probabilities[i]);
      if (codec_.token_bytes) text_.append_bytes(codec_.token_bytes(token));
    }
    finish_if_complete();
  }

  /// Takes over a candidate that has ended, and keeps the own sample number.
  void adopt(Candidate candidate) {
    candidate.sample = candidate_.sample;
    candidate_ = std::move(candidate);
  }

  /// Ends the candidate. No effect if it has ended already.
  void finish(FinishReason reason) {
    if (!running()) return;
    const std::string_view rest = text_.finish_text();
    candidate_.text = text_.text();
    candidate_.finish = reason;
    notify_stream(-1, 0.0F, rest);
  }

  /// The candidate so far; its text is complete when it has ended.
  [[nodiscard]] const Candidate& candidate() const { return candidate_; }
  /// The text so far, including what may still become a stop string.
  [[nodiscard]] const std::string& text() const { return text_.text(); }

  /// Moves the candidate out. Precondition: it has ended.
  [[nodiscard]] Candidate release_candidate() { return std::move(candidate_); }

 private:
  static bool contains(std::span<const Token> tokens, Token token) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  }

  void finish_if_complete() {
    if (text_.stopped()) return finish(FinishReason::stop_string);
    if (candidate_.tokens.size() >= request_.max_new_tokens) return finish(FinishReason::length);
    if (history_.size() >= context_length_) return finish(FinishReason::context_full);
  }

  void notify_stream(Token token, float log_probability, std::string_view text) const {
    if (request_.stream)
      request_.stream(
          {candidate_.expert, candidate_.sample, token, log_probability, text, candidate_.finish});
  }

  const Request& request_;
  const TextCodec& codec_;
  std::span<const Token> end_tokens_;
  std::size_t prompt_length_;
  std::size_t context_length_;
  std::vector<Token> history_;
  TextAssembler text_;
  Candidate candidate_;
};

}  // namespace tutti
