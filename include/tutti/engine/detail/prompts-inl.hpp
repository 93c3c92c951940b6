// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: which prompts are in the cache, and which must be computed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/engine_state.hpp"

namespace tutti::detail::inline TUTTI_ABI {

/// A sequence that begins with what the cache has of `tokens`. None if that would take pages that
/// the plan counts on, since idle pages are free until they are used again.
TUTTI_INLINE std::optional<SequenceId> EngineState::open(const Plan& plan, std::uint32_t expert,
                                                         std::span<const Token> tokens) {
  if (!options_.prefix_cache) return runner_->create();
  const SequenceId sequence = runner_->open(expert, tokens);
  if (plan.pages > pages_left()) {
    runner_->release(sequence);
    return std::nullopt;
  }
  if (const std::size_t cached = runner_->length(sequence); cached > 0) {
    const std::lock_guard<std::mutex> lock(stats_mutex_);
    stats_.cached_tokens += cached;
  }
  return sequence;
}

/// Whether all of the prompt is in the cache.
TUTTI_INLINE bool EngineState::resident(const SessionState& state,
                                        const PromptState& prompt) const {
  return prompt.sequence && runner_->length(*prompt.sequence) == state.prompt.size();
}

/// Gives a candidate sequences that begin with its prompt. @returns whether it has them all; if
/// not, the prompt must be computed again.
TUTTI_INLINE bool EngineState::fork_prompt(SessionState& state, Writer& writer) {
  bool complete = true;
  for (std::size_t i = 0; i < writer.experts.size(); ++i) {
    if (writer.sequences[i]) continue;
    const PromptState& prompt = prompt_of(state, writer.experts[i]);
    if (resident(state, prompt)) {
      writer.sequences[i] = runner_->fork(*prompt.sequence, state.prompt.size());
    } else {
      complete = false;
    }
  }
  return complete;
}

/// Whether work of the session waits for its prompt under expert `e`, a representative.
TUTTI_INLINE bool EngineState::needs_prompt(const SessionState& state, std::uint32_t e) const {
  const PromptState& prompt = state.prompts[e];
  if (!prompt.wanted) return false;
  if (!prompt.ready()) return true;
  if (resident(state, prompt)) return false;
  for (const auto& group : state.groups) {
    if (group->from_prompt) continue;
    for (const std::size_t candidate : group->active) {
      const Writer& writer = state.writers[candidate];
      for (std::size_t i = 0; i < writer.experts.size(); ++i) {
        if (!writer.sequences[i] && runner_->representative(writer.experts[i]) == e) return true;
      }
    }
  }
  return std::any_of(state.scores.begin(), state.scores.end(), [&](const auto& batch) {
    return std::any_of(batch->items.begin(), batch->items.end(), [&](const ScoreItem& item) {
      return item.after_prompt && !item.sequence && item.expert == e &&
             item.tokens.size() > item.context + 1;
    });
  });
}

/// Whether a session that is served before computes a prompt of the same expert with the same first
/// page: its pages will be in the cache when it is done.
TUTTI_INLINE bool EngineState::computed_by_other(const SessionState& state, std::uint32_t e) const {
  if (!options_.prefix_cache || runner_->pages() == nullptr ||
      state.prompt.size() <= kPagePositions)
    return false;
  for (const auto& session : sessions_) {
    const SessionState& other = *session;
    if (&other == &state) return false;
    if (other.prompts[e].sequence && !other.prompts[e].ready() && !other.error &&
        other.prompt.size() > kPagePositions &&
        std::equal(state.prompt.begin(), state.prompt.begin() + kPagePositions,
                   other.prompt.begin()))
      return true;
  }
  return false;
}

}  // namespace tutti::detail::inline TUTTI_ABI
