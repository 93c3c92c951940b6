// SPDX-License-Identifier: Apache-2.0
#pragma once
// The generation loop: prompts are computed once, then all candidates that are still being written
// advance by one token a step, in one batched forward pass. Selecting and fusing differ only in how
// logits become draws.

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/backend/device_decoding.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/probability.hpp"
#include "tutti/ensemble/candidate_writer.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/teacher_forcing.hpp"
#include "tutti/router/router.hpp"
#include "tutti/sampler/chain.hpp"

namespace tutti {

/// A stack that can draw by itself, several tokens of each candidate at a time; see
/// BatchedTransformer.
template <class Stack>
concept DecodesOnDevice = requires(Stack& stack, const DecodingStart& start,
                                   std::span<const std::uint8_t> running, std::size_t rows) {
  { stack.can_decode(rows) } -> std::same_as<bool>;
  stack.begin_decoding(start);
  { stack.decode(running) } -> std::same_as<std::span<const DrawnToken>>;
};

/// One request on its way through the experts of `Stack`. Used once.
template <class Stack>
class Generation {
 public:
  /// All arguments must outlive the generation. `stack` must have been cleared.
  Generation(Stack& stack, const TextCodec& codec, const Request& request,
             std::span<const Token> prompt)
      : stack_(stack),
        codec_(codec),
        request_(request),
        prompt_tokens_(prompt),
        chain_(request.sampling),
        start_(std::chrono::steady_clock::now()) {}

  /// Computes the prompt for the experts in `wanted`, once for all that are equal.
  void prefill(const std::vector<bool>& wanted) {
    std::vector<Row> rows;
    std::vector<std::uint32_t> outputs;
    std::vector<std::uint32_t> computed;
    prompt_.length = prompt_tokens_.size();
    prompt_.sequences.resize(stack_.size());
    std::vector<bool> needed(stack_.size());
    for (std::uint32_t e = 0; e < stack_.size(); ++e) {
      if (wanted[e]) needed[stack_.representative(e)] = true;
    }
    for (std::uint32_t e = 0; e < stack_.size(); ++e) {
      if (!needed[e]) continue;
      prompt_.sequences[e] = stack_.create();
      for (const Token token : prompt_tokens_) {
        const std::size_t position = rows.size() - computed.size() * prompt_tokens_.size();
        rows.push_back({e, prompt_.sequences[e], static_cast<std::uint32_t>(position), token});
      }
      outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
      computed.push_back(e);
      stack_.ledger().per_expert[e].prompt_tokens += prompt_tokens_.size();
    }
    const MatrixView<const float> logits = stack_.forward(rows, outputs);
    keep_prompt_logits(logits, computed);
  }

  /// Writes the candidates that `route` asks for. @returns them ordered by expert, then sample.
  std::vector<Candidate> sample(const Route& route) {
    for (std::uint32_t e = 0; e < route.size(); ++e) {
      for (std::uint32_t s = 0; s < route[e]; ++s) add_writer(e, s, {e});
    }
    if (end_at_limit()) return release();
    scratch_.resize(writers_.size());
    std::vector<std::span<const float>> logits;
    for (const Writer& writer : writers_)
      logits.push_back(prompt_.last_logits.row_span(writer.text.expert()));
    draw(logits);
    if (!advance()) return release();
    if constexpr (DecodesOnDevice<Stack>) {
      if (!request_.custom_sampler && stack_.can_decode(rows_.size())) {
        draw_on_device();
        return release();
      }
    }
    do {
      const MatrixView<const float> next = stack_.forward(rows_, outputs_);
      logits.clear();
      for (std::size_t i = 0; i < active_.size(); ++i) logits.push_back(next.row_span(i));
      draw(logits);
    } while (advance());
    return release();
  }

  /// Writes one candidate from the fused distribution of all experts.
  Candidate fuse(Fusion fusion) {
    std::vector<std::uint32_t> experts;
    std::vector<float> weights;
    fusion_weights(experts, weights);
    add_writer(0, 0, experts);
    if (end_at_limit()) return std::move(release().front());
    scratch_.resize(1);
    std::vector<float> fused(stack_.vocabulary_size());
    std::vector<float> gathered;
    for (const std::uint32_t e : experts) {
      const std::span<const float> row = prompt_.last_logits.row_span(e);
      gathered.insert(gathered.end(), row.begin(), row.end());
    }
    MatrixView<const float> logits(gathered.data(), experts.size(), fused.size());
    while (true) {
      fuse_distributions(fusion, logits, weights, fused);
      draw({std::span<const float>(fused)});
      if (!advance()) break;
      logits = stack_.forward(rows_, outputs_);
    }
    return std::move(release().front());
  }

  [[nodiscard]] const CachedPrompt& prompt() const { return prompt_; }

 private:
  /// A candidate being written, and its sequence under each expert that helps to write it.
  struct Writer {
    CandidateWriter text;
    std::vector<std::uint32_t> experts;
    std::vector<SequenceId> sequences;
  };

  void keep_prompt_logits(MatrixView<const float> logits,
                          const std::vector<std::uint32_t>& computed) {
    prompt_logits_.resize(stack_.size() * stack_.vocabulary_size());
    const MatrixView<float> all(prompt_logits_.data(), stack_.size(), stack_.vocabulary_size());
    for (std::size_t i = 0; i < computed.size(); ++i) {
      for (std::uint32_t e = computed[i]; e < stack_.size(); ++e) {
        if (stack_.representative(e) != computed[i]) continue;
        std::copy_n(logits.row(i), all.cols, all.row(e));
        prompt_.sequences[e] = prompt_.sequences[computed[i]];
      }
    }
    prompt_.last_logits = all;
  }

  void add_writer(std::uint32_t expert, std::uint32_t sample, std::vector<std::uint32_t> experts) {
    std::vector<SequenceId> sequences;
    sequences.reserve(experts.size());
    for (const std::uint32_t e : experts)
      sequences.push_back(stack_.fork(prompt_.sequences[e], prompt_.length));
    writers_.push_back(
        {CandidateWriter(request_, codec_, prompt_tokens_, stack_.context_length(), expert, sample),
         std::move(experts), std::move(sequences)});
    active_.push_back(writers_.size() - 1);
  }

  /// Experts that are equal speak once, with the weight of all.
  void fusion_weights(std::vector<std::uint32_t>& experts, std::vector<float>& weights) const {
    const auto n = static_cast<std::uint32_t>(stack_.size());
    for (std::uint32_t e = 0; e < n; ++e) {
      if (stack_.representative(e) != e) continue;
      std::size_t equal = 0;
      for (std::uint32_t other = e; other < n; ++other)
        equal += stack_.representative(other) == e ? 1 : 0;
      experts.push_back(e);
      weights.push_back(static_cast<float>(equal) / static_cast<float>(n));
    }
  }

  /// Draws the next token of each active writer from its logits and hands it over, in the order of
  /// the candidates.
  void draw(const std::vector<std::span<const float>>& logits) {
    std::vector<DrawnToken> drawn(active_.size());
    stack_.for_each(active_.size(), [&](std::size_t i) {
      const CandidateWriter& writer = writers_[active_[i]].text;
      try {
        drawn[i].token = request_.custom_sampler
                             ? request_.custom_sampler(logits[i], writer.context(),
                                                       writer.draw_key(), scratch_[i])
                             : chain_.sample(logits[i], writer.context(), writer.draw_key(),
                                             scratch_[i]);
        require<ComponentError>(
            drawn[i].token >= 0 && static_cast<std::size_t>(drawn[i].token) < logits[i].size(),
            "the sampler drew token ", drawn[i].token, " from a vocabulary of ", logits[i].size());
        drawn[i].log_probability = log_probability_of(logits[i], drawn[i].token);
      } catch (const NumericError& error) {
        fail_draw(writer, error.what());
      }
    });
    take(drawn);
  }

  /// The rest of the candidates' tokens, drawn by the stack and handed over step by step.
  void draw_on_device() requires DecodesOnDevice<Stack> {
    const std::vector<std::size_t> writer_of_row = active_;
    std::vector<DrawKey> keys;
    std::vector<std::span<const Token>> histories;
    for (const std::size_t i : active_) {
      keys.push_back(writers_[i].text.draw_key());
      histories.push_back(writers_[i].text.context().history);
    }
    std::vector<Token> end_tokens = request_.stop_tokens;
    if (!request_.ignore_end_of_text)
      end_tokens.insert(end_tokens.end(), codec_.end_of_text.begin(), codec_.end_of_text.end());
    const std::size_t length = rows_.front().position +
                               std::size_t{1};  // all candidates have the same
    const std::size_t max_steps = std::min(
        request_.max_new_tokens - (length - prompt_tokens_.size()),
        stack_.context_length() - length);
    stack_.begin_decoding({rows_, keys, histories, request_.sampling, end_tokens,
                           stack_.vocabulary_size(), max_steps});
    while (!active_.empty()) {
      std::vector<std::uint8_t> running(writer_of_row.size());
      std::transform(
          writer_of_row.begin(), writer_of_row.end(), running.begin(), [&](std::size_t i) {
            return static_cast<std::uint8_t>(std::binary_search(active_.begin(), active_.end(), i));
          });
      const std::span<const DrawnToken> drawn = stack_.decode(running);
      for (std::size_t first = 0; first < drawn.size() && !active_.empty();
           first += writer_of_row.size()) {
        std::vector<DrawnToken> of_active;
        for (std::size_t r = 0; r < writer_of_row.size(); ++r) {
          if (std::binary_search(active_.begin(), active_.end(), writer_of_row[r]))
            of_active.push_back(drawn[first + r]);
        }
        take(of_active);
        advance();
      }
    }
  }

  [[noreturn]] static void fail_draw(const CandidateWriter& writer, std::string_view why) {
    fail<NumericError>("expert ", writer.expert(), ", sample ", writer.sample(), ", position ",
                       writer.last_position() + 1, ": ", why);
  }

  /// Hands the active writers what they have drawn, in the order of the candidates.
  /// @throws NumericError for the first that could not draw.
  void take(const std::vector<DrawnToken>& drawn) {
    for (std::size_t i = 0; i < active_.size(); ++i) {
      if (drawn[i].token >= 0) continue;
      fail_draw(writers_[active_[i]].text,
                drawn[i].token == DrawnToken::kNoToken
                    ? "no token left: all logits are -inf; loosen the logit bias or the filters"
                    : "a logit is NaN or infinite: check the model's weights");
    }
    for (std::size_t i = 0; i < active_.size(); ++i) {
      Writer& writer = writers_[active_[i]];
      ++stack_.ledger().per_expert[writer.experts.front()].generated_tokens;
      ++drawn_tokens_;
      writer.text.take(drawn[i].token, drawn[i].log_probability);
    }
  }

  /// Ends what must end and lays out the rows of the next step. @returns whether there is one.
  bool advance() {
    std::erase_if(active_, [&](std::size_t i) { return retire(writers_[i]); });
    end_at_limit();
    rows_.clear();
    for (const std::size_t i : active_) {
      const Writer& writer = writers_[i];
      for (std::size_t e = 0; e < writer.experts.size(); ++e) {
        rows_.push_back({writer.experts[e], writer.sequences[e], writer.text.last_position(),
                         writer.text.last_token()});
      }
    }
    outputs_.resize(rows_.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i) outputs_[i] = static_cast<std::uint32_t>(i);
    return !active_.empty();
  }

  /// Ends all candidates if another token of each would be too much. @returns whether it was.
  bool end_at_limit() {
    const FinishReason limit = limit_reached();
    if (limit == FinishReason::running) return false;
    for (const std::size_t i : active_) writers_[i].text.finish(limit);
    std::erase_if(active_, [&](std::size_t i) { return retire(writers_[i]); });
    return true;
  }

  /// Gives the cache of a candidate that has ended back. @returns whether it has.
  bool retire(const Writer& writer) {
    if (writer.text.running()) return false;
    for (const SequenceId sequence : writer.sequences) stack_.release(sequence);
    return true;
  }

  [[nodiscard]] FinishReason limit_reached() const {
    if (request_.stop.stop_requested()) return FinishReason::canceled;
    const Budget& budget = request_.budget;
    if (budget.max_total_tokens > 0 && drawn_tokens_ + active_.size() > budget.max_total_tokens)
      return FinishReason::budget;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    if (budget.max_seconds > 0 && seconds >= budget.max_seconds) return FinishReason::budget;
    return FinishReason::running;
  }

  std::vector<Candidate> release() {
    std::vector<Candidate> candidates;
    for (Writer& writer : writers_) candidates.push_back(writer.text.release());
    return candidates;
  }

  Stack& stack_;
  const TextCodec& codec_;
  const Request& request_;
  std::span<const Token> prompt_tokens_;
  SamplerChain chain_;
  std::chrono::steady_clock::time_point start_;
  std::vector<float> prompt_logits_;
  CachedPrompt prompt_;
  std::vector<Writer> writers_;
  /// Indices of the writers still running, ascending, hence grouped by expert.
  std::vector<std::size_t> active_;
  std::vector<SamplerScratch> scratch_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> outputs_;
  std::size_t drawn_tokens_ = 0;
};

}  // namespace tutti
