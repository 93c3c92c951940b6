// SPDX-License-Identifier: Apache-2.0
// A whole ensemble on the Cuda backend: what it answers, and that its bits do not depend on who answers with it.
#include "tutti/ensemble/ensemble.hpp"

#include <cstring>
#include <vector>

#include "tests/backend/cuda/support.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/router/fixed_subset.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

template <class B>
std::vector<Transformer<B>> three_experts() {
  const auto base = Transformer<B>::load(checkpoint("llama"));
  return {base, Transformer<B>::load(checkpoint("llama_second")), base.with_adapter(checkpoint("lora_all"))};
}

template <class B, class Router = AllExperts>
Result generate(const Request& request, typename B::Options options, Router router = {}) {
  using Stack = ExpertStack<3, Transformer<B>>;
  Ensemble<3, Transformer<B>, CrossExpertLikelihood, Router> ensemble(Stack(three_experts<B>(), options), {}, {}, router);
  return ensemble.generate(request);
}

Request request_of(std::size_t samples) {
  Request request;
  request.prompt_tokens = some_tokens(20);
  request.samples_per_expert = samples;
  request.max_new_tokens = 5;
  request.seed = 7;
  return request;
}

}  // namespace

TEST_CASE("An ensemble on the Cuda backend draws the tokens that it draws on the Cpu backend, and scores them alike", "[cuda]") {
  const Result cuda = generate<Cuda>(request_of(2), {0, 1});
  const Result cpu = generate<Cpu>(request_of(2), {1});
  REQUIRE(cuda.candidates.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(cuda.candidates[i].tokens == cpu.candidates[i].tokens);
    CHECK(cuda.candidates[i].score == Approx(cpu.candidates[i].score).margin(1e-4));
  }
  CHECK(cuda.selection.index == cpu.selection.index);
}

TEST_CASE("A candidate of the Cuda backend has the same bits alone and among six", "[cuda]") {
  const Result all = generate<Cuda>(request_of(2), {0, 1});
  for (std::uint32_t expert = 0; expert < 3; ++expert) {
    const Result alone = generate<Cuda>(request_of(1), {0, 1}, FixedSubset({expert}));
    REQUIRE(alone.candidates.size() == 1);
    const Candidate& one = alone.candidates[0];
    const Candidate& among = all.candidates[2 * std::size_t{expert}];
    CHECK(one.tokens == among.tokens);
    CHECK(same_bits(one.log_probabilities, among.log_probabilities));
  }
}
