// SPDX-License-Identifier: Apache-2.0
// Scheduling never changes a result: requests that arrive at random times, with random priorities,
// methods and options, in caches so small that requests are preempted, have the bits of the same
// requests alone in a new engine.
#include <random>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/engine/engine.hpp"
#include "tutti/method/generate.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/transformer/expert_stack.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

using Stack = ExpertStack<3, TestModel>;

std::vector<TestModel> three_experts() {
  const auto base = TestModel::load(checkpoint("llama"));
  return {base, TestModel::load(checkpoint("llama_second")),
          base.with_adapter(checkpoint("lora_all"))};
}

Task<Selection> write_in_stages(Session& session) {
  Until until;
  until.tokens = 3;
  const Route first{1, 0, 1}, second{0, 1, 1};
  std::vector<std::size_t> all = co_await session.write(first, until);
  const std::vector<std::size_t> more = co_await session.write(second, until);
  all.insert(all.end(), more.begin(), more.end());
  if (session.candidates()[0].tokens.size() >= 2) {
    const std::vector<std::size_t> branched = co_await session.branch(0, 2, 1, until);
    all.insert(all.end(), branched.begin(), branched.end());
  }
  co_await session.resume(all);
  co_return Selection{};
}

Task<Selection> fuse(Session& session) {
  co_await session.fuse(Fusion::product_of_experts);
  co_return Selection{};
}

Task<Selection> ask_twice(Session& session) {
  Request request;
  request.prompt_tokens = some_tokens(30, 5);
  request.max_new_tokens = 5;
  request.seed = session.request().seed;
  const Method method = fuse;
  auto first = session.ask(request, method);
  request.seed += 1;
  auto second = session.ask(request, method);
  co_await session.write(1);
  const Result a = co_await first;
  const Result b = co_await second;
  TextToScore text{1, a.prompt_tokens, b.candidates.front().tokens};
  const std::vector<TextToScore> texts(2, text);
  const std::vector<std::vector<float>> scores = co_await session.score(texts);
  for (const float score : scores.front())
    session.candidate(0).score =
        (std::isnan(session.candidate(0).score) ? 0.0 : session.candidate(0).score) +
        static_cast<double>(score);
  co_return Selection{};
}

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {Generate(), Generate(CrossExpertLikelihood{}),
                                          Method(write_in_stages), Method(fuse), Method(ask_twice)};
  return all;
}

struct Wanted {
  Request request;
  std::size_t method = 0;
};

Wanted random_request(std::mt19937& random) {
  const auto below = [&](std::size_t n) { return std::size_t{random()} % n; };
  Wanted wanted;
  Request& request = wanted.request;
  request.prompt_tokens = some_tokens(1 + below(150));  // prefixes of one text
  if (below(2) == 0) {
    const std::vector<Token> own = some_tokens(1 + below(60),
                                               static_cast<std::uint32_t>(10 + below(5)));
    request.prompt_tokens.insert(request.prompt_tokens.end(), own.begin(), own.end());
  }
  request.samples_per_expert = 1 + below(2);
  request.max_new_tokens = 1 + below(24);
  request.seed = below(1000);
  request.priority = static_cast<int>(below(3));
  if (below(3) == 0) request.sampling.temperature = 0;
  if (below(3) == 0) request.sampling.top_k = 5;
  if (below(4) == 0) request.sampling.repetition_penalty = 1.3F;
  if (below(5) == 0) request.budget.max_total_tokens = 20;
  if (below(5) == 0) request.stop_tokens = {static_cast<Token>(below(96))};
  wanted.method = below(methods().size());
  return wanted;
}

void check_equal(const Result& found, const Result& expected) {
  REQUIRE(found.candidates.size() == expected.candidates.size());
  CHECK(found.selection.index == expected.selection.index);
  for (std::size_t c = 0; c < found.candidates.size(); ++c) {
    const Candidate &a = found.candidates[c], &b = expected.candidates[c];
    CHECK(a.expert == b.expert);
    CHECK(a.sample == b.sample);
    CHECK(a.finish == b.finish);
    CHECK(a.tokens == b.tokens);
    CHECK(same_bits(a.log_probabilities, b.log_probabilities));
    CHECK((a.score == b.score || (std::isnan(a.score) && std::isnan(b.score))));
  }
}

}  // namespace

TEST_CASE("Random workloads give every request the bits that it has alone",
          "[engine][transparency]") {
  const std::vector<TestModel> experts = three_experts();
  const std::size_t page = KvShape{2, 2, 8, KvType::f16}.page_bytes();
  std::uint64_t preemptions = 0, cached = 0;
  for (const std::uint32_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    StackOptions options;
    options.max_cache_bytes = page * (seed == 1 ? 1000 : 26);
    EngineOptions engine_options;
    engine_options.rows_per_step = seed == 2 ? 7 : 100;
    engine_options.prefix_cache = seed != 3;
    engine_options.max_running = seed == 4 ? 3 : 100;
    Engine engine(Stack(experts, on_threads(seed % 3 + 1), options), {}, engine_options);
    std::vector<Wanted> wanted;
    std::vector<Future<Result>> results;
    for (std::size_t i = 0; i < 24; ++i) {
      wanted.push_back(random_request(random));
      results.push_back(engine.submit(wanted.back().request, methods()[wanted.back().method]));
      for (std::size_t steps = random() % 3; steps > 0; --steps) engine.step();
    }
    while (engine.step()) {}
    preemptions += engine.stats().preemptions;
    cached += engine.stats().cached_tokens;
    CHECK(engine.stats().pages_in_use == 0);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      INFO("request " << i << ", method " << wanted[i].method);
      REQUIRE(results[i].ready());
      Engine alone(Stack(experts, on_threads(1)));
      check_equal(results[i].get(),
                  alone.submit(wanted[i].request, methods()[wanted[i].method]).get());
    }
  }
  CHECK(preemptions > 10);
  CHECK(cached > 1000);
}

TEST_CASE("Writing in stages gives the candidates of writing at once", "[engine][transparency]") {
  Engine engine(Stack(three_experts(), on_threads(2)));
  Request request;
  request.prompt_tokens = some_tokens(70);
  request.max_new_tokens = 12;
  request.seed = 3;
  const Method at_once = [](Session& session) -> Task<Selection> {
    co_await session.write(4);
    co_return Selection{};
  };
  const Method in_stages = [](Session& session) -> Task<Selection> {
    for (int i = 0; i < 4; ++i) co_await session.write(1);
    co_return Selection{};
  };
  const Method in_pieces = [](Session& session) -> Task<Selection> {
    Until until;
    until.tokens = 5;
    const Route route(3, 4);
    std::vector<std::size_t> all = co_await session.write(route, until);
    for (int i = 0; i < 3; ++i) all = co_await session.resume(all, until);
    co_return Selection{};
  };
  const Result expected = engine.submit(request, at_once).get();
  REQUIRE(expected.candidates.size() == 12);
  for (const Method& method : {in_stages, in_pieces}) {
    const Result found = engine.submit(request, method).get();
    REQUIRE(found.candidates.size() == 12);
    for (const Candidate& candidate : found.candidates) {
      const Candidate& same = expected.candidates[candidate.expert * 4 + candidate.sample];
      CHECK(candidate.tokens == same.tokens);
      CHECK(same_bits(candidate.log_probabilities, same.log_probabilities));
      CHECK(candidate.finish == FinishReason::length);
    }
  }
}

TEST_CASE("A branch continues as a new request with its beginning would",
          "[engine][transparency]") {
  Engine engine(Stack(three_experts(), on_threads(2)));
  Request request;
  request.prompt_tokens = some_tokens(60);
  request.max_new_tokens = 10;
  request.seed = 3;
  const Method branch = [](Session& session) -> Task<Selection> {
    const Route second_expert{0, 1, 0};
    co_await session.write(second_expert);
    const std::vector<std::size_t> lengths{0, 1, 4, 9};
    for (const std::size_t length : lengths) co_await session.branch(0, length, 1);
    co_return Selection{};
  };
  const Result found = engine.submit(request, branch).get();
  REQUIRE(found.candidates.size() == 5);
  const std::vector<std::size_t> lengths{0, 1, 4, 9};
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const Candidate& candidate = found.candidates[i + 1];
    CHECK(candidate.sample == i + 1);
    Request begun = request;
    begun.prompt_tokens.insert(
        begun.prompt_tokens.end(), found.candidates[0].tokens.begin(),
        found.candidates[0].tokens.begin() + static_cast<std::ptrdiff_t>(lengths[i]));
    begun.max_new_tokens -= lengths[i];
    // The sample of the branch: those before it are drawn for other lengths.
    const Method samples = [i](Session& session) -> Task<Selection> {
      Route route(3);
      route[1] = static_cast<std::uint32_t>(i + 2);
      co_await session.write(route);
      co_return Selection{};
    };
    const Result expected = engine.submit(begun, samples).get();
    const Candidate& same = expected.candidates[i + 1];
    CHECK(std::vector<Token>(candidate.tokens.begin() + static_cast<std::ptrdiff_t>(lengths[i]),
                             candidate.tokens.end()) == same.tokens);
    CHECK(same_bits(std::span(candidate.log_probabilities).subspan(lengths[i]),
                    same.log_probabilities));
  }
}

TEST_CASE("Equal prompts that arrive together are computed once", "[engine]") {
  const std::vector<TestModel> experts = three_experts();
  Request request;
  request.prompt_tokens = some_tokens(200);
  request.samples_per_expert = 1;
  request.max_new_tokens = 3;
  const Result expected = Engine(Stack(experts, on_threads(1))).submit(request, Generate()).get();
  Engine engine(Stack(experts, on_threads(1)));
  std::vector<Future<Result>> results;
  for (int i = 0; i < 4; ++i) results.push_back(engine.submit(request, Generate()));
  std::uint64_t prompt_tokens = 0;
  for (Future<Result>& future : results) {
    const Result result = future.get();
    check_equal(result, expected);
    prompt_tokens += result.cost.total().prompt_tokens;
  }
  CHECK(prompt_tokens == 3 * (200 + 3 * (200 - 192)));
  CHECK(engine.stats().cached_tokens == 3 * 3 * 192);
}
