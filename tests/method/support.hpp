// SPDX-License-Identifier: Apache-2.0
#pragma once
// Requests whose candidates are written down in the test: each draw takes the next letter of a
// script, and '.' ends the text. Log-probabilities are those of LetterModel.

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/ensemble/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/engine/engine.hpp"
#include "tutti/method/generate.hpp"
#include "tutti/transformer/expert_stack.hpp"

namespace tutti::test {

/// The text of a candidate, of which `written` letters are there.
using Script = std::function<std::string(std::size_t expert, std::size_t sample)>;

inline Token letter_token(char letter) { return letter == '.' ? LetterModel::kEnd : letter - 'a'; }

/// A request with the prompt "a" that draws from the script. After its end a script repeats '.'.
inline Request scripted(std::size_t samples, Script script) {
  Request request;
  request.prompt = "a";
  request.samples_per_expert = samples;
  request.custom_sampler = [script = std::move(script)](std::span<const float>,
                                                        const SamplingContext& context,
                                                        const DrawKey& key, SamplerScratch&) {
    const std::string text = script(key.expert, key.sample);
    const std::size_t position = context.history.size() - context.prompt_length;
    return letter_token(position < text.size() ? text[position] : '.');
  };
  return request;
}

/// The same with one text per (expert, sample).
inline Request scripted(std::vector<std::vector<std::string>> texts) {
  const std::size_t samples = texts.front().size();
  return scripted(samples, [texts = std::move(texts)](std::size_t expert, std::size_t sample) {
    return texts.at(expert).at(sample);
  });
}

inline Engine letter_engine(std::size_t experts = 1, LetterModel model = {}) {
  using Stack = ExpertStack<std::dynamic_extent, LetterModel>;
  return Engine(Stack(std::vector<LetterModel>(experts, model)), letter_codec());
}

inline Result answer(Engine& engine, const Request& request, const Method& method) {
  return engine.submit(request, method).get();
}

inline std::vector<std::string> texts_of(const Result& result) {
  std::vector<std::string> texts;
  for (const Candidate& candidate : result.candidates) texts.push_back(candidate.text);
  return texts;
}

/// Whether every candidate begins like the candidate of the same expert and sample in `full`, and
/// those that were not stopped are equal to it.
inline bool is_part_of(const Result& result, const Result& full) {
  for (const Candidate& part : result.candidates) {
    bool found = false;
    for (const Candidate& whole : full.candidates) {
      if (part.expert != whole.expert || part.sample != whole.sample) continue;
      found = part.finish == FinishReason::pruned
                  ? whole.tokens.size() >= part.tokens.size() &&
                        std::equal(part.tokens.begin(), part.tokens.end(), whole.tokens.begin())
                  : part.tokens == whole.tokens &&
                        part.log_probabilities == whole.log_probabilities;
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace tutti::test
