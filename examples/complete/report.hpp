// SPDX-License-Identifier: Apache-2.0
#pragma once
// Prints a result as a table, or as JSON for programs.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tutti/tutti.hpp"

namespace complete {

using Json = nlohmann::ordered_json;

/// One line of at most `width` code points, line breaks shown as spaces.
inline std::string one_line(std::string_view text, std::size_t width) {
  std::string line;
  std::size_t shown = 0;
  for (std::size_t at = 0; at < text.size() && shown < width; ++shown) {
    const std::uint32_t length = tutti::decode_utf8(text, at).length;
    line += text[at] == '\n' ? " " : std::string(text.substr(at, length));
    at += length;
  }
  return shown == width ? line + "..." : line;
}

inline void print_cost(const tutti::CostLedger& ledger) {
  const tutti::Cost cost = ledger.total();
  std::printf(
      "cost: %llu prompt, %llu generated and %llu scored tokens in %llu passes; %.2f s (%.1f "
      "generated tokens/s),\n"
      "      %.1f Gflop, %.2f GB of weights and %.2f GB of KV cache read\n",
      static_cast<unsigned long long>(cost.prompt_tokens),
      static_cast<unsigned long long>(cost.generated_tokens),
      static_cast<unsigned long long>(cost.scored_tokens),
      static_cast<unsigned long long>(ledger.steps), cost.seconds,
      static_cast<double>(cost.generated_tokens) / cost.seconds, cost.flops / 1e9,
      cost.weight_bytes / 1e9, cost.kv_bytes / 1e9);
}

/// Says how many candidates were cut off, and how to get whole ones.
inline void print_cut_off(const tutti::Result& result) {
  const auto cut = std::count_if(
      result.candidates.begin(), result.candidates.end(),
      [](const tutti::Candidate& candidate) { return tutti::is_cut_off(candidate.finish); });
  if (cut == 0) return;
  std::printf("%zu of %zu candidates were cut off (marked -)%s\n", static_cast<std::size_t>(cut),
              result.candidates.size(),
              tutti::is_cut_off(result.best().finish)
                  ? ", the answer too: raise --max-new-tokens, --context or --max-seconds"
                  : "");
}

/// A table of the candidates: * is the picked one, - one that was cut off.
inline void print_table(const tutti::Result& result) {
  std::printf("\n   expert sample tokens   score selector  ended         text\n");
  for (std::size_t i = 0; i < result.candidates.size(); ++i) {
    const tutti::Candidate& candidate = result.candidates[i];
    const double selector_score = result.selection.selector_scores[i];
    std::printf("%c%c %6u %6u %6zu %7.3f %8.3f  %-12s  %s\n",
                i == result.selection.index ? '*' : ' ',
                tutti::is_cut_off(candidate.finish) ? '-' : ' ', candidate.expert, candidate.sample,
                candidate.tokens.size(), candidate.score, selector_score,
                std::string(tutti::finish_reason_name(candidate.finish)).c_str(),
                one_line(candidate.text, 60).c_str());
  }
  std::printf("\nanswer (expert %u, sample %u):\n%s\n\n", result.best().expert,
              result.best().sample, result.text().c_str());
  print_cut_off(result);
  print_cost(result.cost);
}

inline Json to_json(const tutti::Candidate& candidate) {
  return {{"expert", candidate.expert},
          {"sample", candidate.sample},
          {"text", candidate.text},
          {"tokens", candidate.tokens},
          {"log_probabilities", candidate.log_probabilities},
          {"finish", tutti::finish_reason_name(candidate.finish)},
          {"cut_off", tutti::is_cut_off(candidate.finish)},
          {"score", candidate.score}};
}

inline Json to_json(const tutti::Cost& cost) {
  return {{"prompt_tokens", cost.prompt_tokens},
          {"generated_tokens", cost.generated_tokens},
          {"scored_tokens", cost.scored_tokens},
          {"flops", cost.flops},
          {"weight_bytes", cost.weight_bytes},
          {"kv_bytes", cost.kv_bytes},
          {"seconds", cost.seconds}};
}

inline Json to_json(const tutti::CostLedger& ledger) {
  Json experts = Json::array();
  for (const tutti::Cost& cost : ledger.per_expert) experts.push_back(to_json(cost));
  return {{"total", to_json(ledger.total())}, {"steps", ledger.steps}, {"per_expert", experts}};
}

inline Json to_json(const tutti::Result& result) {
  Json candidates = Json::array();
  for (const tutti::Candidate& candidate : result.candidates)
    candidates.push_back(to_json(candidate));
  return {{"answer", result.text()},
          {"picked", result.selection.index},
          {"selector_scores", result.selection.selector_scores},
          {"candidates", candidates},
          {"prompt_tokens", result.prompt_tokens},
          {"cost", to_json(result.cost)}};
}

}  // namespace complete
