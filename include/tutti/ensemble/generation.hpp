// SPDX-License-Identifier: Apache-2.0
#pragma once
// The generation loop of one request: prefill, then decode steps. Each step advances all running
// candidates by one token in one batched forward pass. `sample` and `fuse` differ in how logits
// become draws.

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
#include "tutti/base/numeric/probability.hpp"
#include "tutti/ensemble/candidate_rescorer.hpp"
#include "tutti/ensemble/candidate_writer.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/router/router.hpp"
#include "tutti/sampler/chain.hpp"

namespace tutti {

/// A stack whose backend can draw tokens on the device, several steps per call; see
/// BatchedTransformer.
template <class Stack>
concept DecodesOnDevice = requires(Stack& stack, const DecodingStart& start,
                                   std::span<const std::uint8_t> running, std::size_t rows) {
  { stack.can_decode(rows) } -> std::same_as<bool>;
  stack.begin_decoding(start);
  { stack.decode(running) } -> std::same_as<std::span<const DrawnToken>>;
};

/// The generation of one request by the experts of `Stack`. For one use: prefill, then either
/// `sample` or `fuse`.
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
        chain_(request.sampling, request.filters),
        start_(std::chrono::steady_clock::now()) {}

  /// Processes the prompt with the experts for which `wanted` is true; equal experts share one
  /// computation.
  void prefill(const std::vector<bool>& wanted) {
    std::vector<Row> rows;
    std::vector<std::uint32_t> outputs;
    std::vector<std::uint32_t> computed;
    prompt_.length = prompt_tokens_.size();
    prompt_.sequences.assign(stack_.size(), CachedPrompt::kNoSequence);
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

  /// Generates route[e] candidates with each expert e. @returns them ordered by expert, then
  /// sample.
  std::vector<Candidate> sample(const Route& route) {
    for (std::uint32_t e = 0; e < route.size(); ++e) {
      for (std::uint32_t s = 0; s < route[e]; ++s) add_writer(e, s, {e}, codec_.end_tokens_of(e));
    }
    if (end_at_limit()) return release_candidates();
    scratch_.resize(writers_.size());
    std::vector<std::span<const float>> logits;
    for (const Writer& writer : writers_)
      logits.push_back(prompt_.last_logits.row_span(writer.text.expert()));
    draw_tokens(logits);
    if (!prepare_step()) return release_candidates();
    if constexpr (DecodesOnDevice<Stack>) {
      if (!request_.custom_sampler && request_.filters.empty() && stack_.can_decode(rows_.size())) {
        decode_on_device();
        return release_candidates();
      }
    }
    do {
      const MatrixView<const float> next = stack_.forward(rows_, outputs_);
      logits.clear();
      for (std::size_t i = 0; i < active_.size(); ++i) logits.push_back(next.row_span(i));
      draw_tokens(logits);
    } while (prepare_step());
    return release_candidates();
  }

  /// Generates one candidate from the fused distribution of all experts. It ends at an end token of
  /// any of them.
  Candidate fuse(Fusion fusion) {
    std::vector<std::uint32_t> experts;
    std::vector<float> weights;
    collect_fusion_weights(experts, weights);
    for (std::uint32_t e = 0; e < stack_.size(); ++e) {
      const std::span<const Token> own = codec_.end_tokens_of(e);
      fused_end_tokens_.insert(fused_end_tokens_.end(), own.begin(), own.end());
    }
    add_writer(0, 0, experts, fused_end_tokens_);
    if (end_at_limit()) return std::move(release_candidates().front());
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
      draw_tokens({std::span<const float>(fused)});
      if (!prepare_step()) break;
      logits = stack_.forward(rows_, outputs_);
    }
    return std::move(release_candidates().front());
  }

  /// The prompt in the experts' KV caches. Precondition: prefill has run.
  [[nodiscard]] const CachedPrompt& prompt() const { return prompt_; }

 private:
  /// A candidate in progress and its sequence under each expert that generates it (one, or all that
  /// are fused).
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

  void add_writer(std::uint32_t expert, std::uint32_t sample, std::vector<std::uint32_t> experts,
                  std::span<const Token> end_tokens) {
    std::vector<SequenceId> sequences;
    sequences.reserve(experts.size());
    for (const std::uint32_t e : experts)
      sequences.push_back(stack_.fork(prompt_.sequences[e], prompt_.length));
    writers_.push_back({CandidateWriter(request_, codec_, prompt_tokens_, end_tokens,
                                        stack_.context_length(), expert, sample),
                        std::move(experts), std::move(sequences)});
    active_.push_back(writers_.size() - 1);
  }

  /// The distinct experts, each weighted by the share of experts that are equal to it.
  void collect_fusion_weights(std::vector<std::uint32_t>& experts,
                              std::vector<float>& weights) const {
    const auto n = static_cast<std::uint32_t>(stack_.size());
    for (std::uint32_t e = 0; e < n; ++e) {
      if (stack_.representative(e) != e) continue;
      std::size_t equal = 0;
      for (std::uint32_t other = e; other < n; ++other)
        equal += stack_.representative(other) == e ? 1U : 0U;
      experts.push_back(e);
      weights.push_back(static_cast<float>(equal) / static_cast<float>(n));
    }
  }

  /// Draws the next token of each active candidate from its logits and appends it.
  void draw_tokens(const std::vector<std::span<const float>>& logits) {
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
            "the sampler drew token ", drawn[i].token, " from a vocabulary of ", logits[i].size(),
            ": return one of its tokens");
        drawn[i].log_probability = log_probability_of(logits[i], drawn[i].token);
      } catch (const NumericError& error) {
        fail_draw(writer, error.what());
      }
    });
    append_tokens(drawn);
  }

  /// Generates all further tokens with draws on the device. The drawn tokens pass through the same
  /// candidates step by step, so that the end rules are those of host draws.
  void decode_on_device() requires DecodesOnDevice<Stack> {
    const std::vector<std::size_t> writer_of_row = active_;
    std::vector<DrawKey> keys;
    std::vector<std::span<const Token>> histories;
    for (const std::size_t i : active_) {
      keys.push_back(writers_[i].text.draw_key());
      histories.push_back(writers_[i].text.context().history);
    }
    const std::vector<Token> end_tokens = end_tokens_of_all();
    // All candidates have the same length.
    const std::size_t length = rows_.front().position + std::size_t{1};
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
        append_tokens(of_active);
        prepare_step();
      }
    }
  }

  /// Tokens that end every active candidate, for the device: it has one list for all rows. A token
  /// that ends only some of them is found by the host.
  [[nodiscard]] std::vector<Token> end_tokens_of_all() const {
    std::vector<Token> common = request_.stop_tokens;
    if (request_.ignore_end_of_text) return common;
    for (const Token token : codec_.end_tokens_of(writers_[active_.front()].text.expert())) {
      const bool ends_all = std::all_of(active_.begin(), active_.end(), [&](std::size_t i) {
        const std::span<const Token> own = codec_.end_tokens_of(writers_[i].text.expert());
        return std::find(own.begin(), own.end(), token) != own.end();
      });
      if (ends_all) common.push_back(token);
    }
    return common;
  }

  [[noreturn]] static void fail_draw(const CandidateWriter& writer, std::string_view why) {
    fail<NumericError>("expert ", writer.expert(), ", sample ", writer.sample(), ", position ",
                       writer.last_position() + 1, ": ", why);
  }

  /// Appends drawn[i] to active candidate i.
  /// @throws NumericError for the first candidate without a valid token.
  void append_tokens(const std::vector<DrawnToken>& drawn) {
    for (std::size_t i = 0; i < active_.size(); ++i) {
      if (drawn[i].token >= 0) continue;
      fail_draw(writers_[active_[i]].text,
                drawn[i].token == DrawnToken::kNoToken
                    ? "no token left: all logits are -inf; relax the logit bias or the filters"
                    : "a logit is NaN or infinite: check the model's weights");
    }
    for (std::size_t i = 0; i < active_.size(); ++i) {
      Writer& writer = writers_[active_[i]];
      ++stack_.ledger().per_expert[writer.experts.front()].generated_tokens;
      ++drawn_tokens_;
      writer.text.append_token(drawn[i].token, drawn[i].log_probability);
    }
  }

  /// Removes finished candidates and builds the rows of the next step. @returns whether any
  /// candidate is still running.
  bool prepare_step() {
    std::erase_if(active_, [&](std::size_t i) { return release_if_finished(writers_[i]); });
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

  /// Ends all candidates if one more token of each would exceed a limit. @returns whether it did.
  bool end_at_limit() {
    const FinishReason limit = limit_reached();
    if (limit == FinishReason::running) return false;
    for (const std::size_t i : active_) writers_[i].text.finish(limit);
    std::erase_if(active_, [&](std::size_t i) { return release_if_finished(writers_[i]); });
    return true;
  }

  /// Releases the KV cache of a finished candidate. @returns whether it is finished.
  bool release_if_finished(const Writer& writer) {
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

  std::vector<Candidate> release_candidates() {
    std::vector<Candidate> candidates;
    for (Writer& writer : writers_) candidates.push_back(writer.text.release_candidate());
    return candidates;
  }

  Stack& stack_;
  const TextCodec& codec_;
  const Request& request_;
  std::span<const Token> prompt_tokens_;
  SamplerChain chain_;
  std::chrono::steady_clock::time_point start_;
  std::vector<Token> fused_end_tokens_;
  std::vector<float> prompt_logits_;
  CachedPrompt prompt_;
  std::vector<Writer> writers_;
  /// Indices of the running writers, ascending and so grouped by expert.
  std::vector<std::size_t> active_;
  std::vector<SamplerScratch> scratch_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> outputs_;
  std::size_t drawn_tokens_ = 0;
};

}  // namespace tutti
