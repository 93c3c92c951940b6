// SPDX-License-Identifier: Apache-2.0
// A whole ensemble on the Cuda backend: its answers, and that their bits do not depend on the other
// sequences of the batch.
#include "tutti/ensemble/ensemble.hpp"

#include <cstring>
#include <vector>

#include "tests/backend/cuda/support.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/router/fixed_subset.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/log_probability.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

template <class B>
std::vector<Transformer<B>> three_models() {
  const auto base = Transformer<B>::load(checkpoint("llama"));
  return {base, Transformer<B>::load(checkpoint("llama_second")),
          base.with_adapter(checkpoint("lora_all"))};
}

template <class B, class Router = AllExperts>
Result answer(const Request& request, typename B::Options options, Router router = {}) {
  using Stack = ExpertStack<3, Transformer<B>>;
  Ensemble<3, Transformer<B>, CrossExpertLikelihood, Router> ensemble(
      Stack(three_models<B>(), options), {}, {}, router);
  return ensemble.generate(request);
}

Request short_request(std::size_t samples) {
  Request request;
  request.prompt_tokens = some_tokens(20);
  request.samples_per_expert = samples;
  request.max_new_tokens = 5;
  request.seed = 7;
  return request;
}

}  // namespace

TEST_CASE(
    "An ensemble on the Cuda backend draws the tokens that it draws on the Cpu backend, and scores "
    "them alike",
    "[cuda]") {
  const Result cuda = answer<Cuda>(short_request(2), {0, 1});
  const Result cpu = answer<Cpu>(short_request(2), {1});
  REQUIRE(cuda.candidates.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(cuda.candidates[i].tokens == cpu.candidates[i].tokens);
    CHECK(cuda.candidates[i].score == Approx(cpu.candidates[i].score).margin(1e-4));
  }
  CHECK(cuda.selection.index == cpu.selection.index);
}

TEST_CASE("The device's loop draws what the host draws, and ends candidates where the host does",
          "[cuda]") {
  std::vector<Request> requests(2, short_request(2));
  requests[0].budget.max_total_tokens = 24;
  requests[1].sampling.order = SamplerOrder::hugging_face, requests[1].sampling.top_p = 0.9F,
  requests[1].sampling.temperature = 1.3F;
  requests[1].sampling.repetition_penalty = 1.2F, requests[1].sampling.penalty_last_n = 4;
  // Tokens that some candidates draw and others do not: they end at different steps, and the second
  // expert's rows all do.
  const Result free = answer<Cuda>(requests[1], {0, 1, 0});
  requests[1].stop_tokens = {free.candidates[0].tokens[3], free.candidates[2].tokens[1],
                             free.candidates[3].tokens[2]};
  for (const Request& request : requests) {
    const Result host = answer<Cuda>(request, {0, 1, 0}), device = answer<Cuda>(request, {0, 1, 3});
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(device.candidates[i].tokens == host.candidates[i].tokens);
      CHECK(device.candidates[i].finish == host.candidates[i].finish);
      CHECK(device.candidates[i].score == host.candidates[i].score);
      for (std::size_t t = 0; t < host.candidates[i].tokens.size(); ++t) {
        CHECK(device.candidates[i].log_probabilities[t] ==
              Approx(host.candidates[i].log_probabilities[t]).margin(1e-6));
      }
    }
    if (request.budget.max_total_tokens > 0)
      continue;  // which the device does not know until the host polls
    CHECK(device.cost.total().flops == Approx(host.cost.total().flops));
    CHECK(device.cost.steps == host.cost.steps);
  }
}

TEST_CASE(
    "Adapters whose ranks differ from layer to layer are decoded on the device as on the host",
    "[cuda]") {
  const auto base = Transformer<Cuda>::load(checkpoint("llama"));
  // Rank 3 on queries and values, ranks 4 and 2 on keys and the last matrix of the MLP.
  const std::vector<Transformer<Cuda>> experts = {base.with_adapter(checkpoint("lora_rs")),
                                                  base.with_adapter(checkpoint("lora_pattern"))};
  const auto run = [&](std::size_t steps) {
    using Stack = ExpertStack<2, Transformer<Cuda>>;
    Ensemble<2, Transformer<Cuda>, CrossExpertLikelihood> ensemble(Stack(experts, {0, 1, steps}));
    return ensemble.generate(short_request(2));
  };
  const Result host = run(0), device = run(3);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(device.candidates[i].tokens == host.candidates[i].tokens);
}

TEST_CASE("Penalties forget what leaves their window, on the device as on the host", "[cuda]") {
  // Greedy draws: with a temperature, one token too many would hardly be noticed.
  Request request = short_request(1);
  request.max_new_tokens = 40;
  request.sampling.temperature = 0.0F;
  request.sampling.repetition_penalty = 1.8F, request.sampling.frequency_penalty = 0.7F;
  for (const std::size_t last_n : {4U, 30U}) {
    CAPTURE(last_n);
    request.sampling.penalty_last_n = last_n;
    const auto run = [&](std::size_t steps) {
      return answer<Cuda>(request, {0, 1, steps}, FixedSubset({1})).candidates[0].tokens;
    };
    CHECK(run(4) == run(0));
  }
}

TEST_CASE("Requests of different experts do not share graphs", "[cuda]") {
  // Adapters on equally many but different matrices: queries and values; keys and the last one of
  // the MLP. Only the set of experts distinguishes the launches of their steps.
  const auto base = Transformer<Cuda>::load(checkpoint("llama"));
  const std::vector<Transformer<Cuda>> experts = {base.with_adapter(checkpoint("lora_rs")),
                                                  base.with_adapter(checkpoint("lora_pattern"))};
  struct Chosen {
    const std::uint32_t* expert;
    [[nodiscard]] Route route(const RouterQuery& query) const {
      Route route(query.experts, 0);
      route[*expert] = 1;
      return route;
    }
  };
  std::uint32_t chosen = 0;
  using Stack = ExpertStack<2, Transformer<Cuda>>;
  Ensemble<2, Transformer<Cuda>, MeanLogProbability, Chosen> host(Stack(experts, {0, 1, 0}), {}, {},
                                                                  {&chosen}),
      device(Stack(experts, {0, 1, 4}), {}, {}, {&chosen});
  Request request = short_request(1);
  request.max_new_tokens = 12;
  std::vector<Token> last[2];
  for (const std::uint32_t expert : {0U, 0U, 1U, 1U, 0U, 0U, 1U, 1U}) {
    CAPTURE(expert);
    chosen = expert;
    last[expert] = device.generate(request).candidates[0].tokens;
    CHECK(last[expert] == host.generate(request).candidates[0].tokens);
  }
  CHECK(last[0] != last[1]);  // otherwise the test would check nothing
}

TEST_CASE(
    "The host collects tokens while the device computes the next ones, wherever candidates end",
    "[cuda]") {
  Request request = short_request(1);
  request.max_new_tokens = 13;
  const Result free = answer<Cuda>(request, {0, 1, 0});
  // Ends that the device knows, the first ones between two polls, and, with a budget, one that only
  // the host knows.
  std::vector<Request> requests(3, request);
  requests[1].stop_tokens = {free.candidates[0].tokens[6], free.candidates[1].tokens[7]};
  requests[2].budget.max_total_tokens = 3 * 10;
  const std::size_t steps_per_poll[] = {4, 8, 8};
  for (std::size_t which = 0; which < 3; ++which) {
    CAPTURE(which);
    const Result host = answer<Cuda>(requests[which], {0, 1, 0});
#if !defined(__CUDACC__)
    const emulation::ScopedOptions scope({.deferred = which == 1});
#endif
    const Result device = answer<Cuda>(requests[which], {0, 1, steps_per_poll[which]});
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(device.candidates[i].tokens == host.candidates[i].tokens);
      CHECK(device.candidates[i].finish == host.candidates[i].finish);
    }
  }
}

TEST_CASE(
    "The device's loop goes on across cache pages, with all work deferred and blocks in any order",
    "[cuda]") {
  Request request = short_request(1);
  request.max_new_tokens = 70;  // a sequence's own page holds 64
  const auto run = [&](std::size_t steps) {
    return answer<Cuda>(request, {0, 1, steps}, FixedSubset({2})).candidates[0].tokens;
  };
  const std::vector<Token> expected = run(0);
#if !defined(__CUDACC__)
  const emulation::ScopedOptions scope(
      {.order = emulation::ThreadOrder::random, .resident_blocks = 3, .deferred = true});
#endif
  CHECK(run(30) == expected);
}

TEST_CASE("A cache that fills up on the device is a typed error, and the next request is answered",
          "[cuda]") {
  const auto experts = three_models<Cuda>();
  const ModelConfig& config = experts[0].weights().config;
  StackOptions options;
  options.max_cache_bytes =
      2 * KvShape{config.layers, config.kv_heads, config.head_dim, options.kv_type}.page_bytes();
  using Stack = ExpertStack<3, Transformer<Cuda>>;
  Ensemble<3, Transformer<Cuda>, MeanLogProbability, FixedSubset> ensemble(
      Stack(experts, {0, 1, 3}, options), {}, {}, FixedSubset({1}));
  // The prompt has one page, and each sample wants one.
  CHECK_THROWS_AS(ensemble.generate(short_request(2)), CapacityError);
  CHECK(ensemble.generate(short_request(1)).candidates[0].tokens ==
        answer<Cuda>(short_request(1), {0, 1, 3}).candidates[1].tokens);
}

TEST_CASE("More candidates than a pass has rows are drawn by the host, with the same tokens",
          "[cuda]") {
  const Result expected = answer<Cuda>(short_request(2), {0, 1, 3});
  StackOptions options;
  options.rows_per_pass = 4;
  using Stack = ExpertStack<3, Transformer<Cuda>>;
  Ensemble<3, Transformer<Cuda>, CrossExpertLikelihood> ensemble(
      Stack(three_models<Cuda>(), {0, 1, 3}, options));
  const Result result = ensemble.generate(short_request(2));
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(result.candidates[i].tokens == expected.candidates[i].tokens);
}

#if !defined(__CUDACC__)
TEST_CASE("Requests of one shape share the graphs of their steps, and others have their own",
          "[cuda]") {
  Ensemble<3, Transformer<Cuda>, CrossExpertLikelihood> ensemble(
      ExpertStack<3, Transformer<Cuda>>(three_models<Cuda>(), {0, 1, 3}));
  Request request = short_request(2), other = short_request(2);
  other.sampling.temperature = 0.5F;
  const auto graphs_of = [&](const Request& asked, const Result& expected) {
    const std::uint64_t before = emulation::graphs_made();
    const Result result = ensemble.generate(asked);
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(result.candidates[i].tokens == expected.candidates[i].tokens);
    return emulation::graphs_made() - before;
  };
  const Result expected = answer<Cuda>(request, {0, 1, 0}),
               of_other = answer<Cuda>(other, {0, 1, 0});
  CHECK(graphs_of(request, expected) == 1);
  (void)ensemble.generate(request);  // scoring the first answer needed more memory, and the
                                     // memory freed for it may have been in the graph
  CHECK(graphs_of(other, of_other) == 1);
  CHECK(graphs_of(request, expected) == 0);
  CHECK(graphs_of(other, of_other) == 0);
  request.seed = 8;  // still the same shape
  CHECK(graphs_of(request, answer<Cuda>(request, {0, 1, 0})) == 0);
  request.prompt_tokens = some_tokens(60);
  const Result longer = ensemble.generate(request);
  CHECK(graphs_of(request, longer) <= 1);
  CHECK(graphs_of(request, longer) == 0);
  CHECK(graphs_of(other, of_other) ==
        1);  // its graph may use memory that the longer prompts have replaced
}

TEST_CASE("A device without room is a typed error, and all of its memory comes back", "[cuda]") {
  const std::size_t before = emulation::bytes_in_use();
  const auto experts = three_models<Cuda>();
  using Stack = ExpertStack<3, Transformer<Cuda>>;
  std::size_t needed = 0;
  {
    const Stack stack(experts, {0, 1});
    needed = emulation::bytes_in_use() - before;
  }
  CHECK(emulation::bytes_in_use() == before);
  for (const std::size_t room : {needed / 3, needed - 1}) {
    const emulation::ScopedOptions scope({.memory_bytes = before + room});
    CHECK_THROWS_AS(Stack(experts, {0, 1}), DeviceError);
    CHECK(emulation::bytes_in_use() == before);
  }
}

TEST_CASE(
    "A kernel that fails in the middle of a generation is a typed error, and the next request is "
    "answered",
    "[cuda]") {
  using Stack = ExpertStack<3, Transformer<Cuda>>;
  Ensemble<3, Transformer<Cuda>, CrossExpertLikelihood> ensemble(
      Stack(three_models<Cuda>(), {0, 1, 3}));
  const Request request = short_request(1);
  const std::uint64_t before = emulation::kernels_run();
  const Result expected = ensemble.generate(request);
  const std::uint64_t kernels = emulation::kernels_run() - before;
  {
    const emulation::ScopedOptions scope(
        {.failing_kernel = emulation::kernels_run() + kernels / 2});
    CHECK_THROWS_WITH(ensemble.generate(request), contains("cudaErrorLaunchFailure"));
  }
  const Result again = ensemble.generate(request);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(again.candidates[i].tokens == expected.candidates[i].tokens);
}
#endif
