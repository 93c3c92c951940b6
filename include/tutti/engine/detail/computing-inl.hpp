// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_state.hpp: the pass of a step, its cost, and what waits for prompts and scores.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/engine/detail/engine_state.hpp"

namespace tutti::detail::inline TUTTI_ABI {

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
    const std::lock_guard<std::mutex> lock(stats_mutex_);
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

}  // namespace tutti::detail::inline TUTTI_ABI
