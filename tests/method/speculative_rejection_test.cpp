// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/speculative_rejection.hpp"

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// The value of the last letter: 'a' is 0, 'b' is 1, ...
double last_letter(const Candidate& candidate) {
  return candidate.text.empty() ? -1.0 : candidate.text.back() - 'a';
}

using ByLastLetter = SpeculativeRejection<double (*)(const Candidate&)>;

}  // namespace

TEST_CASE("Speculative rejection stops the worse half after each stage",
          "[speculative_rejection]") {
  Engine engine = letter_engine();
  // After 2 tokens the last letters are b d c e: the second and the fourth stay. After 4 they are
  // z and f: the second goes on alone.
  const Request request = scripted({{"bbzzzz", "ddzzzz", "cczzzz", "eeffff"}});
  Request six = request;
  six.max_new_tokens = 6;
  const Result result = answer(engine, six, ByLastLetter({2, 0.5}, last_letter));
  CHECK(texts_of(result) == std::vector<std::string>{"bb", "ddzzzz", "cc", "eeff"});
  CHECK(result.candidates[0].finish == FinishReason::pruned);
  CHECK(result.candidates[1].finish == FinishReason::length);
  CHECK(result.selection.index == 1);
  CHECK(result.selection.selector_scores[1] == 25.0);
  CHECK(result.candidates[3].score == 5.0);                      // its last score
  CHECK(result.cost.total().generated_tokens == 2 + 6 + 2 + 4);  // of 24
  const Result full = answer(engine, six, Generate<>());
  CHECK(full.cost.total().generated_tokens == 24);
  CHECK(is_part_of(result, full));
}

TEST_CASE("A candidate that has ended keeps its place", "[speculative_rejection]") {
  Engine engine = letter_engine();
  const Request request = scripted({{"z.", "bbbb", "cccc", "dddd"}});
  Request four = request;
  four.max_new_tokens = 4;
  const Result result = answer(engine, four, ByLastLetter({2, 0.5}, last_letter));
  CHECK(texts_of(result) == std::vector<std::string>{"z", "bb", "cc", "dddd"});
  CHECK(result.selection.index == 0);
  // alpha 0 rejects none.
  CHECK(answer(engine, four, ByLastLetter({2, 0.0}, last_letter)).cost.total().generated_tokens ==
        2 + 4 + 4 + 4);
  // alpha .9 of 4 keeps max(1, round(.4)) = 1, the ended one.
  CHECK(answer(engine, four, ByLastLetter({2, 0.9}, last_letter)).cost.total().generated_tokens ==
        2 + 2 + 2 + 2);
}

TEST_CASE("Options of speculative rejection out of range are refused", "[speculative_rejection]") {
  CHECK_THROWS_WITH(SpeculativeRejection<>({64, 1.0}), contains("alpha is 1"));
  CHECK_THROWS_WITH(SpeculativeRejection<>({0, 0.5}), contains("stage_tokens is 0"));
}
