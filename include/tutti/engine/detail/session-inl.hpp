// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of session.hpp: every operation leaves work for the next steps.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/engine/detail/check_request.hpp"
#include "tutti/engine/detail/engine_state.hpp"

namespace tutti::inline TUTTI_ABI {

TUTTI_INLINE const Request& Session::request() const { return state_.request; }
TUTTI_INLINE std::span<const Token> Session::prompt() const { return state_.prompt; }
TUTTI_INLINE std::string_view Session::prompt_text() const {
  return detail::prompt_text(state_.request);
}
TUTTI_INLINE std::size_t Session::experts() const { return state_.prompts.size(); }
TUTTI_INLINE const TextCodec& Session::codec() const { return engine_.codec(); }
TUTTI_INLINE std::span<const Candidate> Session::candidates() const { return state_.candidates; }
TUTTI_INLINE bool Session::stop_requested() const { return engine_.stop_requested(state_); }

TUTTI_INLINE Candidate& Session::candidate(std::size_t index) {
  require<OptionError>(index < state_.candidates.size(), "candidate ", index, " of ",
                       state_.candidates.size(), " does not exist: candidates count from 0");
  return state_.candidates[index];
}

TUTTI_INLINE Awaitable<std::vector<std::size_t>> Session::write(const Route& route,
                                                                const Until& until) {
  require<OptionError>(route.size() == experts(), "a route for ", route.size(),
                       " experts was given to a session of ", experts(),
                       ": give one number per expert");
  auto* const operation = state_.new_operation<std::vector<std::size_t>>();
  for (std::uint32_t e = 0; e < route.size(); ++e) {
    require<OptionError>(state_.next_sample[e] + route[e] <= detail::kMaxSamples, "expert ", e,
                         " is asked for ", state_.next_sample[e] + route[e], " samples: at most ",
                         detail::kMaxSamples);
    for (std::uint32_t s = 0; s < route[e]; ++s) {
      operation->value.push_back(
          engine_.add_writer(state_, {e}, e, engine_.codec().end_tokens_of(e)));
    }
    if (route[e] > 0) engine_.want_prompt(state_, e);
  }
  engine_.add_group(state_, operation, operation->value, until).from_prompt = true;
  return Awaitable<std::vector<std::size_t>>(operation);
}

TUTTI_INLINE Awaitable<std::vector<std::size_t>> Session::write(std::size_t samples,
                                                                const Until& until) {
  return write(Route(experts(), static_cast<std::uint32_t>(samples)), until);
}

TUTTI_INLINE Awaitable<std::vector<std::size_t>> Session::resume(
    std::span<const std::size_t> candidates, const Until& until) {
  auto* const operation = state_.new_operation<std::vector<std::size_t>>();
  operation->value.assign(candidates.begin(), candidates.end());
  std::vector<std::size_t> active;
  for (const std::size_t index : candidates) {
    (void)candidate(index);
    for (const auto& group : state_.groups) {
      require<OptionError>(
          std::find(group->active.begin(), group->active.end(), index) == group->active.end(),
          "candidate ", index, " of ", state_.candidates.size(),
          " is being written: await that operation first");
    }
    if (state_.writers[index].text.running()) active.push_back(index);
  }
  std::sort(active.begin(), active.end());
  // A candidate without tokens is a new one that paused before its first.
  const auto empty = [&](std::size_t i) { return state_.candidates[i].tokens.empty(); };
  const bool from_prompt = std::any_of(active.begin(), active.end(), empty);
  require<OptionError>(!from_prompt || std::all_of(active.begin(), active.end(), empty), "some of ",
                       active.size(),
                       " candidates have 0 tokens and others have more: resume them separately");
  engine_.add_group(state_, operation, std::move(active), until).from_prompt = from_prompt;
  return Awaitable<std::vector<std::size_t>>(operation);
}

TUTTI_INLINE Awaitable<std::vector<std::size_t>> Session::branch(std::size_t candidate,
                                                                 std::size_t length,
                                                                 std::size_t count,
                                                                 const Until& until) {
  const Candidate& source = this->candidate(candidate);
  const std::uint32_t expert = source.expert;
  require<OptionError>(length <= source.tokens.size(), "a branch after ", length,
                       " tokens of a candidate that has ", source.tokens.size(),
                       ": branch at most at its end");
  require<OptionError>(state_.writers[candidate].experts.size() == 1, "a candidate fused from ",
                       state_.writers[candidate].experts.size(),
                       " experts cannot be branched: branch candidates of one expert");
  require<OptionError>(state_.next_sample[expert] + count <= detail::kMaxSamples, "expert ", expert,
                       " is asked for ", state_.next_sample[expert] + count, " samples: at most ",
                       detail::kMaxSamples);
  auto* const operation = state_.new_operation<std::vector<std::size_t>>();
  std::vector<std::size_t> active;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = engine_.add_writer(state_, {expert}, expert,
                                                 engine_.codec().end_tokens_of(expert));
    detail::Writer& writer = state_.writers[index];
    writer.text.copy_beginning(state_.writers[candidate].text, length);
    state_.candidates[index] = writer.text.candidate();
    operation->value.push_back(index);
    if (!writer.text.running()) continue;
    engine_.share_beginning(state_, candidate, index);
    active.push_back(index);
  }
  engine_.want_prompt(state_, expert);
  engine_.add_group(state_, operation, std::move(active), until).from_prompt = length == 0;
  return Awaitable<std::vector<std::size_t>>(operation);
}

TUTTI_INLINE void Session::stop(std::size_t candidate) {
  Candidate& stopped = this->candidate(candidate);
  detail::Writer& writer = state_.writers[candidate];
  for (const auto& group : state_.groups) {
    require<OptionError>(
        std::find(group->active.begin(), group->active.end(), candidate) == group->active.end(),
        "candidate ", candidate, " of ", state_.candidates.size(),
        " is being written: await that operation, or end it with Until");
  }
  writer.text.finish(FinishReason::pruned);
  engine_.release(writer);
  const double score = stopped.score;
  stopped = writer.text.candidate();
  stopped.score = score;
}

TUTTI_INLINE std::size_t Session::adopt(Candidate candidate) {
  const std::uint32_t expert = candidate.expert;
  require<OptionError>(expert < experts(), "a candidate of expert ", expert,
                       " was given to a session of ", experts(), ": experts count from 0");
  require<OptionError>(candidate.finish != FinishReason::running, "a candidate of ",
                       candidate.tokens.size(),
                       " tokens has not ended: adopt candidates of a finished request");
  const std::size_t index = engine_.add_writer(state_, {}, expert,
                                               engine_.codec().end_tokens_of(expert));
  state_.writers[index].text.adopt(std::move(candidate));
  state_.candidates[index] = state_.writers[index].text.candidate();
  return index;
}

TUTTI_INLINE Awaitable<std::size_t> Session::fuse(Fusion fusion, std::span<const double> weights) {
  require<OptionError>(weights.empty() || weights.size() == experts(), weights.size(),
                       " weights were given to a session of ", experts(),
                       " experts: give one per expert, or none");
  std::vector<double> of_distinct(experts());
  double sum = 0;
  for (std::uint32_t e = 0; e < experts(); ++e) {
    const double weight = weights.empty() ? 1.0 : weights[e];
    require<OptionError>(weight >= 0 && weight <= std::numeric_limits<double>::max(), "weight ", e,
                         " of ", experts(), " is ", weight, ": it must be 0 or positive");
    of_distinct[engine_.runner().representative(e)] += weight;
    sum += weight;
  }
  require<OptionError>(sum > 0, "the weights of all ", experts(),
                       " experts are 0: at least one must be positive");
  std::vector<std::uint32_t> fused;
  std::vector<float> shares;
  std::vector<Token> end_tokens;
  for (std::uint32_t e = 0; e < experts(); ++e) {
    const std::span<const Token> own = engine_.codec().end_tokens_of(e);
    end_tokens.insert(end_tokens.end(), own.begin(), own.end());
    if (of_distinct[e] <= 0) continue;
    fused.push_back(e);
    // As a quotient of floats where the weights are equal, which counts of experts are.
    shares.push_back(static_cast<float>(of_distinct[e]) / static_cast<float>(sum));
    engine_.want_prompt(state_, e);
  }
  auto* const operation = state_.new_operation<std::size_t>();
  state_.end_tokens.push_back(std::move(end_tokens));
  operation->value = engine_.add_writer(state_, std::move(fused), 0, state_.end_tokens.back());
  detail::WriteGroup& group = engine_.add_group(state_, operation, {operation->value}, {});
  group.from_prompt = true;
  group.fusion = fusion;
  group.weights = std::move(shares);
  return Awaitable<std::size_t>(operation);
}

TUTTI_INLINE Awaitable<LikelihoodTable> Session::likelihoods() {
  auto* const operation = state_.new_operation<LikelihoodTable>();
  operation->value = LikelihoodTable(state_.candidates.size(), experts());
  LikelihoodTable& table = operation->value;
  auto batch = std::make_unique<detail::ScoreBatch>();
  batch->operation = operation;
  for (std::uint32_t e = 0; e < experts(); ++e) {
    if (engine_.runner().representative(e) != e) continue;
    engine_.want_prompt(state_, e);
    for (std::size_t c = 0; c < state_.candidates.size(); ++c) {
      const Candidate& candidate = state_.candidates[c];
      std::vector<float>& entry = table.at(c, e);
      const bool own = state_.writers[c].experts.size() == 1 &&
                       engine_.runner().representative(candidate.expert) == e;
      if (own) {
        // Computed again they would be the same, bit for bit.
        entry = candidate.log_probabilities;
        continue;
      }
      entry.resize(candidate.tokens.size());
      if (entry.empty()) continue;
      detail::ScoreItem item;
      item.expert = e;
      item.after_prompt = true;
      item.tokens = state_.prompt;
      item.tokens.insert(item.tokens.end(), candidate.tokens.begin(), candidate.tokens.end());
      item.context = state_.prompt.size();
      item.result = &entry;
      batch->items.push_back(std::move(item));
    }
  }
  batch->finish = [&table, &runner = engine_.runner()] {
    for (std::uint32_t e = 0; e < table.experts(); ++e) {
      const std::uint32_t same = runner.representative(e);
      for (std::size_t c = 0; same != e && c < table.candidates(); ++c)
        table.at(c, e) = table.at(c, same);
    }
  };
  state_.scores.push_back(std::move(batch));
  return Awaitable<LikelihoodTable>(operation);
}

TUTTI_INLINE Awaitable<std::vector<std::vector<float>>> Session::score(
    std::vector<TextToScore> texts) {
  auto* const operation = state_.new_operation<std::vector<std::vector<float>>>();
  operation->value.resize(texts.size());
  auto batch = std::make_unique<detail::ScoreBatch>();
  batch->operation = operation;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    TextToScore& text = texts[i];
    require<OptionError>(text.expert < experts(), "text ", i, " of ", texts.size(),
                         " is for expert ", text.expert, " of ", experts(),
                         ": experts count from 0");
    require<OptionError>(!text.context.empty(), "text ", i, " of ", texts.size(),
                         " has a context of 0 tokens: give at least one");
    const std::size_t length = text.context.size() + text.tokens.size();
    require<CapacityError>(length <= engine_.runner().context_length(), "text ", i, " of ",
                           texts.size(), " has ", length,
                           " tokens with its context, the model's "
                           "context holds ",
                           engine_.runner().context_length(), ": shorten it");
    operation->value[i].resize(text.tokens.size());
    if (text.tokens.empty()) continue;
    detail::ScoreItem item;
    item.expert = engine_.runner().representative(text.expert);
    item.context = text.context.size();
    item.tokens = std::move(text.context);
    item.tokens.insert(item.tokens.end(), text.tokens.begin(), text.tokens.end());
    for (const Token token : item.tokens) {
      require<OptionError>(
          token >= 0 && static_cast<std::size_t>(token) < engine_.runner().vocabulary_size(),
          "token ", token, " of text ", i, " is outside the vocabulary of ",
          engine_.runner().vocabulary_size(), ": encode it with the model's own tokenizer");
    }
    item.result = &operation->value[i];
    batch->items.push_back(std::move(item));
  }
  state_.scores.push_back(std::move(batch));
  return Awaitable<std::vector<std::vector<float>>>(operation);
}

TUTTI_INLINE Awaitable<MatrixView<const float>> Session::prompt_logits() {
  auto* const operation = state_.new_operation<MatrixView<const float>>();
  for (std::uint32_t e = 0; e < experts(); ++e) engine_.want_prompt(state_, e);
  state_.prompt_waits.push_back({operation});
  return Awaitable<MatrixView<const float>>(operation);
}

TUTTI_INLINE Awaitable<Result> Session::ask(Request request, Method method) {
  auto* const operation = state_.new_operation<Result>();
  engine_.add_child(state_, std::move(request), std::move(method), operation);
  return Awaitable<Result>(operation);
}

}  // namespace tutti::inline TUTTI_ABI
