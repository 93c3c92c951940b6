// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/recursive_self_aggregation.hpp"

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// The first answers are scripted; the answer to a longer prompt is its largest letter but 'a'.
Request largest_of_prompt(std::vector<std::string> first) {
  Request request;
  request.prompt = "a";
  request.samples_per_expert = first.size();
  request.custom_sampler = [first = std::move(first)](std::span<const float>,
                                                      const SamplingContext& context,
                                                      const DrawKey& key, SamplerScratch&) {
    const std::size_t position = context.history.size() - context.prompt_length;
    if (position > 0) return LetterModel::kEnd;
    if (context.prompt_length == 1) return letter_token(first[key.sample][0]);
    return *std::max_element(context.history.begin(), context.history.end());
  };
  return request;
}

AggregationOptions joined(std::size_t rounds, std::size_t members) {
  AggregationOptions options;
  options.rounds = rounds;
  options.members = members;
  options.prompt = [](std::string_view question, std::span<const std::string> answers) {
    std::string text(question);
    for (const std::string& answer : answers) text += answer;
    return text;
  };
  return options;
}

}  // namespace

TEST_CASE("Each round rewrites the population from K of its members", "[aggregation]") {
  Engine engine = letter_engine();
  const Request request = largest_of_prompt({"b", "e", "d", "c"});
  // All four members are in every prompt: the best answer spreads in one round.
  const Result two = answer(engine, request, RecursiveSelfAggregation<>(joined(2, 4)));
  CHECK(texts_of(two) == std::vector<std::string>{"b", "e", "d", "c", "e", "e", "e", "e"});
  CHECK(two.text() == "e");
  CHECK(two.selection.selector_scores == std::vector<double>{0, 0, 0, 0, 4, 4, 4, 4});
  // 4 first answers and 4 more, a letter and the end each; prompts of 5 tokens.
  CHECK(two.cost.total().generated_tokens == 16);
  CHECK(is_part_of({{}, {two.candidates.begin(), two.candidates.begin() + 4}, {}, {}},
                   answer(engine, request, Generate<>())));
}

TEST_CASE("Members are drawn without replacement, by the seed", "[aggregation]") {
  Engine engine = letter_engine();
  std::vector<std::string> prompts;
  AggregationOptions options = joined(2, 3);
  options.prompt = [&](std::string_view, std::span<const std::string> answers) {
    CHECK(answers.size() == 3);
    CHECK(answers[0] != answers[1]);
    CHECK(answers[0] != answers[2]);
    CHECK(answers[1] != answers[2]);
    prompts.push_back(answers[0] + answers[1] + answers[2]);
    return "a" + prompts.back();
  };
  Request request = largest_of_prompt({"b", "e", "d", "c"});
  (void)answer(engine, request, RecursiveSelfAggregation<>(options));
  const auto first = std::exchange(prompts, {});
  (void)answer(engine, request, RecursiveSelfAggregation<>(options));
  CHECK(std::exchange(prompts, {}) == first);
  request.seed = 1;
  (void)answer(engine, request, RecursiveSelfAggregation<>(options));
  CHECK(prompts != first);
}

TEST_CASE("Every expert rewrites its own members, and one round is a majority vote",
          "[aggregation]") {
  Engine engine = letter_engine(2);
  const Request request = largest_of_prompt({"b", "c"});
  const Result result = answer(engine, request, RecursiveSelfAggregation<>(joined(3, 2)));
  REQUIRE(result.candidates.size() == 8);
  CHECK(result.candidates[4].expert == 0);
  CHECK(result.candidates[7].expert == 1);
  CHECK(result.cost.per_expert[1].generated_tokens == 12);
  const Result one = answer(engine, request, RecursiveSelfAggregation<>(joined(1, 2)));
  CHECK(one.candidates.size() == 4);
  CHECK(one.selection.selector_scores == std::vector<double>{2, 2, 2, 2});
}
