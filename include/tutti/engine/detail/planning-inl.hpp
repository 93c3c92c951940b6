// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: which rows a step computes, and whose pages make room for them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/engine/detail/engine_state.hpp"

namespace tutti::detail::inline TUTTI_ABI {

TUTTI_INLINE std::size_t EngineState::pages_left() const {
  const KvPageTable* const pages = runner_->pages();
  return pages == nullptr ? std::numeric_limits<std::size_t>::max() : pages->pages_left();
}

TUTTI_INLINE std::size_t EngineState::pages_to_append(SequenceId sequence,
                                                      std::size_t count) const {
  const KvPageTable* const pages = runner_->pages();
  return pages == nullptr ? 0 : pages->pages_to_append(sequence, count);
}

/// Whether only the last token of the candidate is not in the cache.
TUTTI_INLINE bool EngineState::caught_up(const Writer& writer) const {
  return std::all_of(writer.sequences.begin(), writer.sequences.end(), [&](const auto& sequence) {
    return sequence && runner_->length(*sequence) == writer.text.last_position();
  });
}

/// Takes the pages of sessions that are served after `state`, the last one first, until `pages`
/// more than the plan has are free. @returns whether they are.
TUTTI_INLINE bool EngineState::make_room(const Plan& plan, std::size_t pages,
                                         const SessionState& state) {
  for (std::size_t i = sessions_.size(); plan.pages + pages > pages_left();) {
    if (i == 0 || sessions_[i - 1].get() == &state) return false;
    SessionState& victim = *sessions_[--i];
    const std::size_t before = pages_left();
    release_all(victim);
    if (pages_left() == before) continue;
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    ++stats_.preemptions;
  }
  return true;
}

/// One row for each running candidate of every group that has caught up.
TUTTI_INLINE void EngineState::plan_decoding(Plan& plan) {
  for (const auto& session : sessions_) {
    for (const auto& group : session->groups) plan_group(plan, *session, *group, false);
  }
}

/// When nothing could be planned for want of pages, the first group in the order of service moves.
TUTTI_INLINE void EngineState::plan_first(Plan& plan) {
  for (const auto& session : sessions_) {
    for (const auto& group : session->groups) {
      if (!plan.blocks.empty() || session->error) return;
      plan_group(plan, *session, *group, true);
    }
  }
}

/// Takes the pages of all other sessions, and what `state` itself can compute again later.
TUTTI_INLINE void EngineState::make_room_at_any_cost(SessionState& state, const WriteGroup* group) {
  for (const auto& session : sessions_) {
    if (session.get() == &state) continue;
    const std::size_t before = pages_left();
    release_all(*session);
    if (pages_left() == before) continue;
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    ++stats_.preemptions;
  }
  release_waiting(state, group);
}

/// @param alone nothing else moves: takes pages from whoever has them, or ends the session.
TUTTI_INLINE void EngineState::plan_group(Plan& plan, SessionState& state, WriteGroup& group,
                                          bool alone) {
  group.decodes = false;
  if (group.from_prompt || state.error) return;
  std::size_t pages = 0;
  for (const std::size_t candidate : group.active) {
    Writer& writer = state.writers[candidate];
    if (!fork_prompt(state, writer) || !caught_up(writer)) return;
    for (const auto& sequence : writer.sequences) pages += pages_to_append(*sequence, 1);
  }
  if (!make_room(plan, pages, state)) {
    if (!alone) return;
    make_room_at_any_cost(state, &group);
    if (pages > pages_left()) {
      state.error = std::make_exception_ptr(CapacityError(message_of_full_cache(pages)));
      return;
    }
  }
  plan.pages += pages;
  group.decodes = true;
  for (const std::size_t candidate : group.active) {
    Writer& writer = state.writers[candidate];
    for (std::size_t i = 0; i < writer.experts.size(); ++i) {
      plan.blocks.push_back({&state, writer.experts[i], *writer.sequences[i],
                             writer.text.last_position(), writer.text.context().history.last(1),
                             &writer.outputs[i], nullptr, RowBlock::Kind::decode});
      ++plan.rows;
    }
  }
}

/// Releases what the session can compute again later: the sequences of candidates that are paused
/// or in another group than `group` and its decoding ones, and of texts to score.
TUTTI_INLINE void EngineState::release_waiting(SessionState& state, const WriteGroup* group) {
  std::vector<bool> kept(state.writers.size());
  for (const auto& other : state.groups) {
    if (other.get() != group && !other->decodes) continue;
    for (const std::size_t candidate : other->active) kept[candidate] = true;
  }
  for (std::size_t i = 0; i < state.writers.size(); ++i) {
    if (!kept[i]) release(state.writers[i]);
  }
  for (const auto& batch : state.scores) {
    for (ScoreItem& item : batch->items) {
      if (item.sequence) runner_->release(*item.sequence);
      item.sequence.reset();
    }
  }
}

TUTTI_INLINE std::string EngineState::message_of_full_cache(std::size_t pages) const {
  const MessagePart parts[] = {
      MessagePart("the KV cache is full: "),
      MessagePart(pages),
      MessagePart(" more pages are needed, and "),
      MessagePart(runner_->pages()->pages_in_use()),
      MessagePart(" of all "),
      MessagePart(runner_->pages()->page_limit()),
      MessagePart(" pages of "),
      MessagePart(kPagePositions),
      MessagePart(" positions are in use; shorten the prompt, take fewer samples or raise "
                  "StackOptions::max_cache_bytes")};
  return message_of(parts);
}

/// Prompts, candidates whose pages were taken, and texts to score, in the order of service, up to
/// the limit of rows.
TUTTI_INLINE void EngineState::plan_prefill(Plan& plan) {
  for (const auto& session : sessions_) {
    SessionState& state = *session;
    if (state.error) continue;
    for (std::uint32_t e = 0; e < state.prompts.size(); ++e) {
      if (!needs_prompt(state, e)) continue;
      if (plan.rows >= options_.rows_per_step) return;
      PromptState& prompt = state.prompts[e];
      if (!prompt.sequence && computed_by_other(state, e)) continue;
      if (!prompt.sequence) prompt.sequence = open(plan, e, state.prompt);
      if (!prompt.sequence) continue;
      add_rows(plan, state, nullptr,
               {&state, e, *prompt.sequence, runner_->length(*prompt.sequence), state.prompt,
                &prompt.output, nullptr, RowBlock::Kind::prompt});
    }
    for (const auto& group : state.groups) {
      if (group->from_prompt || group->decodes) continue;
      for (const std::size_t candidate : group->active) {
        Writer& writer = state.writers[candidate];
        (void)fork_prompt(state, writer);
        for (std::size_t i = 0; i < writer.experts.size(); ++i) {
          if (plan.rows >= options_.rows_per_step) return;
          if (!writer.sequences[i]) continue;
          const SequenceId sequence = *writer.sequences[i];
          const std::span<const Token> history = writer.text.context().history;
          add_rows(
              plan, state, group.get(),
              {&state, writer.experts[i], sequence, runner_->length(sequence),
               history.first(history.size() - 1), nullptr, nullptr, RowBlock::Kind::recompute});
        }
      }
    }
    for (const auto& batch : state.scores) {
      if (plan.rows >= options_.rows_per_step) return;
      plan_score(plan, state, *batch);
    }
  }
}

TUTTI_INLINE void EngineState::plan_score(Plan& plan, SessionState& state, ScoreBatch& batch) {
  for (ScoreItem& item : batch.items) {
    if (plan.rows >= options_.rows_per_step) return;
    if (item.after_prompt) {
      PromptState& prompt = state.prompts[item.expert];
      if (!prompt.ready()) continue;
      item.result->front() = log_probability_of(prompt.logits, item.tokens[item.context]);
      if (item.tokens.size() == item.context + 1) continue;  // finish_scores removes it
      if (!item.sequence && !resident(state, prompt)) continue;
      if (!item.sequence) item.sequence = runner_->fork(*prompt.sequence, item.context);
    } else if (!item.sequence) {
      item.sequence = open(plan, item.expert, std::span(item.tokens).first(item.context));
      if (!item.sequence) continue;
    }
    const std::span<const Token> tokens(item.tokens);
    add_rows(plan, state, nullptr,
             {&state, item.expert, *item.sequence, runner_->length(*item.sequence),
              tokens.first(tokens.size() - 1), nullptr, &item, RowBlock::Kind::score});
  }
}

/// Plans as many of the block's tokens from its first position on as rows and pages allow.
/// `block.tokens` is the whole text.
TUTTI_INLINE void EngineState::add_rows(Plan& plan, SessionState& state, const WriteGroup* group,
                                        RowBlock block) {
  std::size_t count = std::min(
      block.tokens.size() - block.first,
      options_.rows_per_step - std::min(options_.rows_per_step, plan.rows));
  if (count == 0 || state.error) return;
  const auto fits = [&](std::size_t rows) {
    return plan.pages + pages_to_append(block.sequence, rows) <= pages_left();
  };
  while (count > 0 && !fits(count)) count /= 2;
  if (count == 0) {
    if (!plan.blocks.empty()) return;
    // Nothing else moves, so the first in the order of service must.
    const std::size_t pages = pages_to_append(block.sequence, 1);
    if (!make_room(plan, pages, state)) {
      // A fork keeps what the text has in the cache.
      const bool scores = block.score != nullptr;
      const SequenceId own = scores ? runner_->fork(block.sequence, block.first) : block.sequence;
      make_room_at_any_cost(state, group);
      if (scores) block.score->sequence = block.sequence = own;
      if (!fits(1)) {
        state.error = std::make_exception_ptr(CapacityError(message_of_full_cache(pages)));
        return;
      }
    }
    count = 1;
  }
  plan.pages += pages_to_append(block.sequence, count);
  plan.rows += count;
  if (block.first + count < block.tokens.size()) block.output = nullptr;
  block.tokens = block.tokens.subspan(block.first, count);
  plan.blocks.push_back(block);
}

}  // namespace tutti::detail::inline TUTTI_ABI
