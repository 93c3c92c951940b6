// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: what sessions write: candidates, their groups, drawn tokens.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/engine/detail/engine_state.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"

namespace tutti::detail::inline TUTTI_ABI {

TUTTI_INLINE std::size_t EngineState::add_writer(SessionState& state,
                                                 std::vector<std::uint32_t> experts,
                                                 std::uint32_t expert,
                                                 std::span<const Token> end_tokens) {
  const std::size_t sequences = experts.size();
  state.writers.push_back(
      {CandidateWriter(state.request, codec_, state.prompt, end_tokens, runner_->context_length(),
                       expert, state.next_sample[expert]++),
       std::move(experts), std::vector<std::optional<SequenceId>>(sequences),
       std::vector<std::size_t>(sequences)});
  state.candidates.push_back(state.writers.back().text.candidate());
  return state.writers.size() - 1;
}

/// Lets a branch begin with what its source has in the cache.
TUTTI_INLINE void EngineState::share_beginning(SessionState& state, std::size_t source,
                                               std::size_t branch) {
  const std::optional<SequenceId>& parent = state.writers[source].sequences.front();
  const std::size_t length = state.writers[branch].text.context().history.size();
  if (!parent || length <= state.prompt.size()) return;
  // Its last token is computed again, for the logits of the first draw.
  const std::size_t shared = std::min(runner_->length(*parent), length - 1);
  state.writers[branch].sequences.front() = runner_->fork(*parent, shared);
}

TUTTI_INLINE WriteGroup& EngineState::add_group(SessionState& state, Operation* operation,
                                                std::vector<std::size_t> active,
                                                const Until& until) {
  auto group = std::make_unique<WriteGroup>();
  group->operation = operation;
  group->until = until;
  for (const Writer& writer : state.writers) {
    group->begin.push_back(writer.text.candidate().tokens.size());
    group->begin_text.push_back(writer.text.text().size());
  }
  group->active = std::move(active);
  state.groups.push_back(std::move(group));
  return *state.groups.back();
}

TUTTI_INLINE void EngineState::want_prompt(SessionState& state, std::uint32_t expert) {
  prompt_of(state, expert).wanted = true;
}

/// Draws one token for each candidate whose logits the step has computed.
TUTTI_INLINE void EngineState::draw(MatrixView<const float> logits) {
  std::vector<Draw> draws;
  fused_.clear();
  for (const auto& session : sessions_) {
    SessionState& state = *session;
    for (std::size_t g = 0; g < state.groups.size();) {
      WriteGroup& group = *state.groups[g];
      const bool from_prompt =
          group.from_prompt &&
          std::all_of(group.active.begin(), group.active.end(), [&](std::size_t candidate) {
            const auto& experts = state.writers[candidate].experts;
            return std::all_of(experts.begin(), experts.end(),
                               [&](std::uint32_t e) { return prompt_of(state, e).ready(); });
          });
      if (from_prompt && end_at_limit(state, group)) {
        finish(*group.operation);
        state.groups.erase(state.groups.begin() + static_cast<std::ptrdiff_t>(g));
        continue;
      }
      ++g;
      if (state.error || (!from_prompt && !group.decodes)) continue;
      for (const std::size_t candidate : group.active) {
        Writer& writer = state.writers[candidate];
        const auto row = [&](std::size_t i) -> std::span<const float> {
          if (from_prompt) return prompt_of(state, writer.experts[i]).logits;
          return logits.row_span(writer.outputs[i]);
        };
        Draw next{&state, &group, candidate, {}, {}, {}};
        if (group.fusion) {
          std::vector<float> gathered;
          for (std::size_t i = 0; i < writer.experts.size(); ++i)
            gathered.insert(gathered.end(), row(i).begin(), row(i).end());
          fused_.emplace_back(runner_->vocabulary_size());
          try {
            fuse_distributions(*group.fusion,
                               MatrixView<const float>(gathered.data(), writer.experts.size(),
                                                       runner_->vocabulary_size()),
                               group.weights, fused_.back());
          } catch (...) {
            next.error = std::current_exception();
          }
        } else {
          next.logits = row(0);
        }
        draws.push_back(next);
      }
      group.from_prompt = false;
    }
  }
  // The vectors of fused distributions no longer move.
  std::size_t fused = 0;
  for (Draw& next : draws) {
    if (next.group->fusion) next.logits = fused_[fused++];
  }
  draw_tokens(draws);
  take_tokens(draws);
}

TUTTI_INLINE void EngineState::draw_tokens(std::vector<Draw>& draws) {
  if (scratch_.size() < draws.size()) scratch_.resize(draws.size());
  const std::function<void(std::size_t)> draw_one = [&](std::size_t i) {
    Draw& next = draws[i];
    if (next.error) return;
    const Request& request = next.session->request;
    const CandidateWriter& writer = next.session->writers[next.candidate].text;
    try {
      next.drawn.token = request.custom_sampler
                             ? request.custom_sampler(next.logits, writer.context(),
                                                      writer.draw_key(), scratch_[i])
                             : next.session->chain.sample(next.logits, writer.context(),
                                                          writer.draw_key(), scratch_[i]);
      require<ComponentError>(
          next.drawn.token >= 0 && static_cast<std::size_t>(next.drawn.token) < next.logits.size(),
          "the sampler drew token ", next.drawn.token, " from a vocabulary of ", next.logits.size(),
          ": return one of its tokens");
      next.drawn.log_probability = log_probability_of(next.logits, next.drawn.token);
    } catch (const NumericError& error) {
      next.error = draw_error(writer, error.what());
    } catch (...) {
      next.error = std::current_exception();
    }
  };
  runner_->for_each(draws.size(), draw_one);
}

TUTTI_INLINE std::exception_ptr EngineState::draw_error(const CandidateWriter& writer,
                                                        std::string_view why) {
  const MessagePart parts[] = {MessagePart("expert "),     MessagePart(writer.expert()),
                               MessagePart(", sample "),   MessagePart(writer.sample()),
                               MessagePart(", position "), MessagePart(writer.last_position() + 1),
                               MessagePart(": "),          MessagePart(why)};
  return std::make_exception_ptr(NumericError(message_of(parts)));
}

/// Appends the drawn tokens, group by group. A group of which one draw has failed ends with the
/// first error.
TUTTI_INLINE void EngineState::take_tokens(std::span<const Draw> draws) {
  for (std::size_t first = 0, last = 0; first < draws.size(); first = last) {
    SessionState& state = *draws[first].session;
    WriteGroup& group = *draws[first].group;
    std::exception_ptr error;
    for (; last < draws.size() && draws[last].group == &group; ++last) {
      if (!error) error = draws[last].error;
    }
    for (std::size_t i = first; i < last && !error && !state.error; ++i) {
      try {
        append_token(state, group, draws[i].candidate, draws[i].drawn);
      } catch (...) {
        state.error = std::current_exception();
      }
    }
    if (error) {
      group.operation->error = error;
      group.active.clear();
    }
    if (!group.active.empty()) continue;
    finish(*group.operation);
    std::erase_if(state.groups, [&](const auto& other) { return other.get() == &group; });
  }
}

TUTTI_INLINE void EngineState::append_token(SessionState& state, WriteGroup& group,
                                            std::size_t candidate, const DrawnToken& drawn) {
  Writer& writer = state.writers[candidate];
  ++state.cost.per_expert[writer.experts.front()].generated_tokens;
  ++state.drawn_tokens;
  {
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    ++stats_.generated_tokens;
  }
  writer.text.append_token(drawn.token, drawn.log_probability);
  if (writer.text.running() && !pauses(state, group, candidate)) return;
  std::erase(group.active, candidate);
  end_stage(state, group, candidate);
}

/// Whether a running candidate has reached the end of its stage.
TUTTI_INLINE bool EngineState::pauses(const SessionState& state, const WriteGroup& group,
                                      std::size_t candidate) const {
  const CandidateWriter& writer = state.writers[candidate].text;
  const Until& until = group.until;
  const std::size_t written = writer.candidate().tokens.size() - group.begin[candidate];
  if (until.tokens > 0 && written >= until.tokens) return true;
  if (!until.mark.empty() &&
      writer.text().find(until.mark, group.begin_text[candidate]) != std::string::npos)
    return true;
  return until.predicate && until.predicate(writer.candidate());
}

/// Shows the method what a stage has written. The pages of a candidate that has ended are free.
TUTTI_INLINE void EngineState::end_stage(SessionState& state, WriteGroup&, std::size_t candidate) {
  Writer& writer = state.writers[candidate];
  state.candidates[candidate] = writer.text.candidate();
  if (writer.text.running()) {
    state.candidates[candidate].text = writer.text.text();
  } else {
    if (on_device_session_ == &state) keep_device_tokens(writer);
    release(writer);
  }
}

TUTTI_INLINE void EngineState::end_at_limits() {
  for (const auto& session : sessions_) {
    SessionState& state = *session;
    for (std::size_t g = 0; g < state.groups.size();) {
      WriteGroup& group = *state.groups[g];
      if (end_at_limit(state, group)) {
        if (on_device_ == &group) leave_device();
        finish(*group.operation);
        state.groups.erase(state.groups.begin() + static_cast<std::ptrdiff_t>(g));
      } else {
        ++g;
      }
    }
    if (!stop_requested(state) || (state.scores.empty() && state.prompt_waits.empty())) continue;
    const auto error = std::make_exception_ptr(
        CanceledError("a stop was requested, or the deadline passed, while texts were scored"));
    for (const auto& batch : state.scores) {
      for (ScoreItem& item : batch->items) {
        if (item.sequence) runner_->release(*item.sequence);
      }
      batch->operation->error = error;
      finish(*batch->operation);
    }
    state.scores.clear();
    for (const PromptWait& wait : state.prompt_waits) {
      wait.operation->error = error;
      finish(*wait.operation);
    }
    state.prompt_waits.clear();
  }
}

/// Ends the candidates of a group if one more token of each would exceed a limit.
TUTTI_INLINE bool EngineState::end_at_limit(SessionState& state, WriteGroup& group) {
  if (group.active.empty()) return true;
  const Budget& budget = state.request.budget;
  FinishReason reason = FinishReason::running;
  const auto now = std::chrono::steady_clock::now();
  if (state.request.stop.stop_requested()) {
    reason = FinishReason::canceled;
  } else if (budget.max_total_tokens > 0 &&
             state.drawn_tokens + group.active.size() > budget.max_total_tokens) {
    reason = FinishReason::budget;
  } else if ((budget.max_seconds > 0 &&
              std::chrono::duration<double>(now - state.start).count() >= budget.max_seconds) ||
             (state.request.deadline && now >= *state.request.deadline)) {
    reason = FinishReason::budget;
  }
  if (reason == FinishReason::running) return false;
  try {
    for (const std::size_t candidate : group.active) {
      state.writers[candidate].text.finish(reason);
      end_stage(state, group, candidate);
    }
  } catch (...) {
    state.error = std::current_exception();
  }
  return true;
}

}  // namespace tutti::detail::inline TUTTI_ABI
