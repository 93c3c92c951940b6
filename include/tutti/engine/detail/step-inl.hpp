// SPDX-License-Identifier: Apache-2.0
#pragma once
// One step of the engine: which rows it computes, and what becomes of their logits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/engine/detail/engine_state.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"

namespace tutti::detail::inline TUTTI_ABI {

// Candidates.

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
    const std::lock_guard lock(stats_mutex_);
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

// What a step computes.

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
    const std::lock_guard lock(stats_mutex_);
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
    const std::lock_guard lock(stats_mutex_);
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

// What becomes of the logits.

TUTTI_INLINE void EngineState::compute(Plan& plan) {
  std::stable_sort(plan.blocks.begin(), plan.blocks.end(),
                   [](const RowBlock& a, const RowBlock& b) { return a.expert < b.expert; });
  std::vector<Row> rows;
  std::vector<std::uint32_t> outputs;
  std::vector<TargetToken> targets;
  std::vector<float*> destinations;
  for (const RowBlock& block : plan.blocks) {
    for (std::size_t i = 0; i < block.tokens.size(); ++i) {
      const std::size_t position = block.first + i;
      if (const ScoreItem* const item = block.score; item && position + 1 >= item->context) {
        targets.push_back({static_cast<std::uint32_t>(rows.size()), item->tokens[position + 1]});
        destinations.push_back(&(*item->result)[position + 1 - item->context]);
      }
      rows.push_back(
          {block.expert, block.sequence, static_cast<std::uint32_t>(position), block.tokens[i]});
    }
    if (block.output == nullptr) continue;
    *block.output = outputs.size();
    outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
  }
  MatrixView<const float> logits;
  if (!rows.empty()) {
    std::vector<float> values(targets.size());
    runner_->ledger() = {};
    runner_->ledger().per_expert.resize(runner_->size());
    logits = runner_->forward(rows, outputs, targets, values);
    for (std::size_t i = 0; i < values.size(); ++i) *destinations[i] = values[i];
    charge(plan);
    keep_prompts(plan, logits);
    const std::lock_guard lock(stats_mutex_);
    ++stats_.steps;
    stats_.rows += rows.size();
    stats_.decode_rows += outputs.size();
  }
  finish_prompt_waits();
  draw(logits);
  finish_scores();
}

/// Splits the cost of the pass between the sessions, for each expert by rows.
TUTTI_INLINE void EngineState::charge(const Plan& plan) {
  const CostLedger& pass = runner_->ledger();
  ++passes_;
  std::vector<std::size_t> rows(pass.per_expert.size());
  for (const RowBlock& block : plan.blocks) {
    SessionState& state = *block.session;
    state.rows_in_step.resize(rows.size());
    state.rows_in_step[block.expert] += block.tokens.size();
    rows[block.expert] += block.tokens.size();
    Cost& cost = state.cost.per_expert[block.expert];
    if (block.kind == RowBlock::Kind::prompt) cost.prompt_tokens += block.tokens.size();
    if (block.kind == RowBlock::Kind::score) cost.scored_tokens += block.tokens.size();
  }
  for (const RowBlock& block : plan.blocks) {
    SessionState& state = *block.session;
    if (state.rows_in_step.empty()) continue;  // charged
    for (std::size_t e = 0; e < rows.size(); ++e) {
      if (state.rows_in_step[e] == 0) continue;
      const double share = static_cast<double>(state.rows_in_step[e]) /
                           static_cast<double>(rows[e]);
      Cost& cost = state.cost.per_expert[e];
      cost.flops += pass.per_expert[e].flops * share;
      cost.weight_bytes += pass.per_expert[e].weight_bytes * share;
      cost.kv_bytes += pass.per_expert[e].kv_bytes * share;
      cost.seconds += pass.per_expert[e].seconds * share;
    }
    // A pass counts once for a request, however many of its parts are in it.
    for (SessionState* whole = &state; whole != nullptr; whole = whole->parent) {
      if (std::exchange(whole->last_pass, passes_) != passes_) whole->cost.steps += pass.steps;
    }
    state.rows_in_step.clear();
  }
}

TUTTI_INLINE void EngineState::keep_prompts(const Plan& plan, MatrixView<const float> logits) {
  for (const RowBlock& block : plan.blocks) {
    if (block.kind != RowBlock::Kind::prompt || block.output == nullptr) continue;
    PromptState& prompt = block.session->prompts[block.expert];
    const std::span<const float> row = logits.row_span(prompt.output);
    prompt.logits.assign(row.begin(), row.end());
  }
}

TUTTI_INLINE void EngineState::finish_prompt_waits() {
  for (const auto& session : sessions_) {
    SessionState& state = *session;
    if (state.prompt_waits.empty()) continue;
    bool ready = true;
    for (std::uint32_t e = 0; e < state.prompts.size(); ++e)
      ready = ready && prompt_of(state, e).ready();
    if (!ready) continue;
    state.prompt_logits.clear();
    for (std::uint32_t e = 0; e < state.prompts.size(); ++e) {
      const std::vector<float>& row = prompt_of(state, e).logits;
      state.prompt_logits.insert(state.prompt_logits.end(), row.begin(), row.end());
    }
    for (const PromptWait& wait : state.prompt_waits) {
      wait.operation->value = {state.prompt_logits.data(), state.prompts.size(),
                               runner_->vocabulary_size()};
      finish(*wait.operation);
    }
    state.prompt_waits.clear();
  }
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
    const std::lock_guard lock(stats_mutex_);
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

TUTTI_INLINE void EngineState::finish_scores() {
  for (const auto& session : sessions_) {
    SessionState& state = *session;
    for (const auto& batch : state.scores) {
      std::erase_if(batch->items, [&](ScoreItem& item) {
        const bool scored = item.sequence
                                ? runner_->length(*item.sequence) + 1 >= item.tokens.size()
                                : item.after_prompt && item.tokens.size() == item.context + 1 &&
                                      state.prompts[item.expert].ready();
        if (!scored) return false;
        if (item.sequence) {
          runner_->release(*item.sequence);
        } else {
          item.result->front() = log_probability_of(state.prompts[item.expert].logits,
                                                    item.tokens.back());
        }
        return true;
      });
      if (!batch->items.empty()) continue;
      if (batch->finish) batch->finish();
      finish(*batch->operation);
    }
    std::erase_if(state.scores, [](const auto& batch) { return batch->items.empty(); });
  }
}

// Decoding on the device: a group that is alone draws several tokens per step.

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
  const std::lock_guard lock(stats_mutex_);
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
