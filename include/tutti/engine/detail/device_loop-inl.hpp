// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: decoding on the device: a group that is alone draws several tokens
// per step.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/engine_state.hpp"

namespace tutti::detail::inline TUTTI_ABI {

TUTTI_INLINE bool EngineState::decode_on_device() {
  SessionState* alone = sessions_.size() == 1 ? sessions_.front().get() : nullptr;
  if (alone != nullptr) {
    const bool busy = alone->error || alone->groups.size() != 1 || !alone->scores.empty() ||
                      !alone->prompt_waits.empty();
    if (busy) alone = nullptr;
  }
  if (on_device_ != nullptr && (alone == nullptr || alone->groups.front().get() != on_device_))
    leave_device();
  if (alone == nullptr) return false;
  SessionState& state = *alone;
  WriteGroup& group = *state.groups.front();
  const auto running = [&](std::size_t candidate) {
    return std::binary_search(group.active.begin(), group.active.end(), candidate);
  };
  if (on_device_ == nullptr) {
    const Request& request = state.request;
    if (group.from_prompt || group.fusion || group.until.tokens > 0 || !group.until.mark.empty() ||
        group.until.predicate || request.custom_sampler || !request.filters.empty() ||
        !runner_->can_decode(group.active.size()))
      return false;
    std::vector<Row> rows;
    std::vector<DrawKey> keys;
    std::vector<std::span<const Token>> histories;
    std::size_t length = 0;
    for (const std::size_t candidate : group.active) {
      Writer& writer = state.writers[candidate];
      if (!fork_prompt(state, writer) || !caught_up(writer)) return false;
      const CandidateWriter& text = writer.text;
      if (length != 0 && length != text.context().history.size()) return false;
      length = text.context().history.size();
      rows.push_back({writer.experts.front(), *writer.sequences.front(), text.last_position(),
                      text.last_token()});
      keys.push_back(text.draw_key());
      histories.push_back(text.context().history);
    }
    const bool ascending = std::is_sorted(
        rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.expert < b.expert; });
    if (!ascending) return false;
    const std::vector<Token> end_tokens = end_tokens_of_all(state, group);
    const std::size_t max_steps = std::min(request.max_new_tokens - (length - state.prompt.size()),
                                           runner_->context_length() - length);
    runner_->begin_decoding({rows, keys, histories, request.sampling, end_tokens,
                             runner_->vocabulary_size(), max_steps});
    on_device_ = &group;
    on_device_session_ = &state;
    device_rows_ = group.active;
  }
  std::vector<std::uint8_t> runs;
  for (const std::size_t candidate : device_rows_)
    runs.push_back(static_cast<std::uint8_t>(running(candidate)));
  runner_->ledger() = {};
  runner_->ledger().per_expert.resize(runner_->size());
  const std::span<const DrawnToken> drawn = runner_->decode(runs);
  const CostLedger& pass = runner_->ledger();
  for (std::size_t e = 0; e < pass.per_expert.size(); ++e)
    state.cost.per_expert[e] += pass.per_expert[e];
  state.cost.steps += pass.steps;
  for (std::size_t begin = 0; begin < drawn.size() && on_device_ != nullptr;
       begin += device_rows_.size()) {
    if (begin > 0 && end_at_limit(state, group)) group.active.clear();
    std::vector<Draw> draws;
    for (std::size_t r = 0; r < device_rows_.size(); ++r) {
      if (!running(device_rows_[r])) continue;
      Draw next{&state, &group, device_rows_[r], {}, drawn[begin + r], {}};
      const CandidateWriter& writer = state.writers[next.candidate].text;
      if (next.drawn.token < 0) {
        next.error = draw_error(
            writer, next.drawn.token == DrawnToken::kNoToken
                        ? "no token left: all logits are -inf; relax the logit bias or the filters"
                        : "a logit is NaN or infinite: check the model's weights");
      }
      draws.push_back(next);
    }
    if (draws.empty()) {
      finish(*group.operation);
      leave_device();
      state.groups.clear();
      return true;
    }
    const std::size_t groups = state.groups.size();
    take_tokens(draws);
    if (state.error || state.groups.size() != groups) {
      on_device_ = nullptr;  // the group has ended
      on_device_session_ = nullptr;
    }
  }
  const std::lock_guard<std::mutex> lock(stats_mutex_);
  ++stats_.steps;
  return true;
}

/// Ends decoding on the device. What it has computed beyond the tokens that the host has seen is
/// dropped.
TUTTI_INLINE void EngineState::leave_device() {
  if (on_device_ == nullptr) return;
  for (const std::size_t candidate : device_rows_) {
    Writer& writer = on_device_session_->writers[candidate];
    keep_device_tokens(writer);
  }
  on_device_ = nullptr;
  on_device_session_ = nullptr;
}

/// Shortens a sequence that was decoded on the device to the tokens that the host has seen, and
/// tells the cache what they are.
TUTTI_INLINE void EngineState::keep_device_tokens(const Writer& writer) {
  if (!writer.sequences.front()) return;
  const SequenceId sequence = *writer.sequences.front();
  const auto tokens = writer.text.context().history.first(writer.text.last_position());
  if (runner_->length(sequence) < tokens.size()) return;
  runner_->truncate(sequence, tokens.size());
  if (options_.prefix_cache) runner_->publish(writer.experts.front(), sequence, tokens);
}

/// Tokens that end every active candidate, for the device: it has one list for all rows. A token
/// that ends only some of them is found by the host.
TUTTI_INLINE std::vector<Token> EngineState::end_tokens_of_all(const SessionState& state,
                                                               const WriteGroup& group) const {
  std::vector<Token> common = state.request.stop_tokens;
  if (state.request.ignore_end_of_text) return common;
  for (const Token token :
       codec_.end_tokens_of(state.writers[group.active.front()].text.expert())) {
    const bool ends_all = std::all_of(
        group.active.begin(), group.active.end(), [&](std::size_t candidate) {
          const std::span<const Token> own = codec_.end_tokens_of(
              state.writers[candidate].text.expert());
          return std::find(own.begin(), own.end(), token) != own.end();
        });
    if (ends_all) common.push_back(token);
  }
  return common;
}

}  // namespace tutti::detail::inline TUTTI_ABI
