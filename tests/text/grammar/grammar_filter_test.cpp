// SPDX-License-Identifier: Apache-2.0
// A grammar in requests to an ensemble: all samples of all experts, select and fuse.

#include <array>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/text/grammar/support.hpp"
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/text/grammar/grammar_filter.hpp"

using namespace tutti;

namespace {

/// Every byte and the end token 256 are likely, which ones depends on the expert.
class NoiseModel {
 public:
  explicit NoiseModel(std::size_t expert) : expert_(expert) {}
  static std::size_t vocabulary_size() { return 257; }
  static std::size_t context_length() { return 500; }
  void next_logits(std::span<const Token> context, std::span<float> logits) const {
    for (std::size_t t = 0; t < logits.size(); ++t)
      logits[t] = static_cast<float>((t * 7 + context.size() * 13 + expert_ * 5) % 11);
  }

 private:
  std::size_t expert_;
};

Request request_with(const Grammar& grammar) {
  Request request;
  request.prompt_tokens = {'?'};
  request.samples_per_expert = 4;
  request.max_new_tokens = 100;
  request.filters = {GrammarFilter(grammar, tutti::test::byte_vocabulary())};
  return request;
}

auto noise_ensemble() {
  TextCodec codec;
  codec.token_bytes = [](Token token) {
    return token == 256 ? std::string() : std::string(1, static_cast<char>(token));
  };
  codec.end_of_text = {256};
  return Ensemble(std::vector<NoiseModel>{NoiseModel(0), NoiseModel(1), NoiseModel(2)}, codec,
                  MeanLogProbability{});
}

}  // namespace

TEST_CASE("Every candidate of every expert matches the grammar", "[text][grammar]") {
  const Grammar grammar = Grammar::json_schema(
      R"({"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":999},)"
      R"("kind":{"enum":["a","bc","d"]}},"required":["n","kind"]})");
  auto ensemble = noise_ensemble();
  Request request = request_with(grammar);
  const Result result = ensemble.generate(request);
  REQUIRE(result.candidates.size() == 12);
  std::set<std::string> texts;
  for (const Candidate& candidate : result.candidates) {
    INFO(candidate.text);
    CHECK(grammar.matches(candidate.text));
    CHECK(candidate.finish == FinishReason::end_of_text);
    texts.insert(candidate.text);
  }
  CHECK(texts.size() > 3);
  request.samples_per_expert = 1;
  request.sampling.temperature = 0;
  CHECK(grammar.matches(ensemble.generate(request).text()));
  CHECK(grammar.matches(ensemble.fuse(request).text()));
}

TEST_CASE("A grammar without a next token ends its request and the ensemble goes on",
          "[text][grammar]") {
  const std::vector<std::string> tokens(257, "a");
  const Token end[] = {256};
  auto ensemble = noise_ensemble();
  Request stuck = request_with(Grammar::regex("ab"));
  stuck.filters = {GrammarFilter(Grammar::regex("ab"), TokenTrie(tokens, end))};
  CHECK_THROWS_AS(ensemble.generate(stuck), GrammarDeadEnd);
  CHECK(ensemble.generate(request_with(Grammar::regex("ab"))).text() == "ab");
}
