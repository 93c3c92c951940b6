// SPDX-License-Identifier: Apache-2.0
#include "tutti/engine/engine.hpp"

#include <atomic>
#include <thread>

#include "tests/ensemble/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/method/generate.hpp"

using namespace tutti;
using tutti::test::contains;
using tutti::test::letter_codec;
using tutti::test::LetterModel;

namespace {

using Stack = ExpertStack<2, LetterModel>;

Engine two_experts(EngineOptions options = {}) {
  return Engine(Stack({LetterModel{1}, LetterModel{2}}), letter_codec(), options);
}

/// Greedy, so that expert e continues "a" with every (e + 1)-th letter.
Request greedy(const std::string& prompt, std::size_t tokens) {
  Request request;
  request.prompt = prompt;
  request.samples_per_expert = 1;
  request.max_new_tokens = tokens;
  request.sampling.temperature = 0;
  return request;
}

/// A method from a lambda whose closure outlives the coroutine.
template <class F>
Method method_of(F f) {
  return Method(std::move(f));
}

}  // namespace

TEST_CASE("An engine answers requests when it is stepped, and a future waits by stepping it",
          "[engine]") {
  Engine engine = two_experts();
  Future<Result> first = engine.submit(greedy("a", 3), Generate());
  Future<Result> second = engine.submit(greedy("c", 2), Generate());
  CHECK_FALSE(first.ready());
  CHECK(engine.stats().waiting == 2);
  CHECK(second.get().candidates[1].text == "eg");
  const Result result = first.get();
  CHECK(result.candidates[0].text == "bcd");
  CHECK(result.candidates[1].text == "ceg");
  CHECK(result.cost.total().generated_tokens == 6);
  CHECK_FALSE(engine.step());
  const EngineStats stats = engine.stats();
  CHECK(stats.submitted == 2);
  CHECK(stats.finished == 2);
  CHECK(stats.running == 0);
  CHECK(stats.waiting == 0);
  CHECK(stats.generated_tokens == 10);
}

TEST_CASE("All requests share the passes of the engine", "[engine]") {
  Engine engine = two_experts();
  std::vector<Future<Result>> results;
  for (int i = 0; i < 8; ++i) results.push_back(engine.submit(greedy("abc", 5), Generate()));
  while (engine.step()) {}
  for (auto& result : results) CHECK(result.get().candidates[0].text == "defgh");
  CHECK(engine.stats().steps == 5);  // the prompts, then four more tokens
  CHECK(engine.stats().decode_rows == 8 * 2 * 5);
}

TEST_CASE("A future says when it has nothing", "[engine]") {
  Future<Result> empty;
  CHECK_THROWS_WITH(empty.get(), contains("has 0 results"));
  Engine engine = two_experts();
  Future<Result> result = engine.submit(greedy("a", 1), Generate());
  (void)result.get();
  CHECK_THROWS_AS(result.get(), OptionError);
}

TEST_CASE("A started engine answers from its own thread, for clients on any thread", "[engine]") {
  Engine engine = two_experts();
  engine.start();
  CHECK_THROWS_WITH(engine.start(), contains("has been started"));
  std::atomic<int> right = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const Result result = engine.submit(greedy("a", 4), Generate()).get();
        if (result.candidates[0].text == "bcde" && result.candidates[1].text == "cegi") ++right;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  engine.stop();
  CHECK(right == 160);
  CHECK(engine.stats().finished == 160);
  CHECK(engine.submit(greedy("a", 1), Generate()).get().candidates[0].text == "b");
}

TEST_CASE("Requests that an engine leaves unanswered end with a typed error", "[engine]") {
  Future<Result> waiting, running;
  {
    Engine engine = two_experts();
    running = engine.submit(greedy("a", 100), Generate());
    engine.step();
    waiting = engine.submit(greedy("a", 1), Generate());
  }
  CHECK_THROWS_AS(running.get(), CanceledError);
  CHECK_THROWS_WITH(waiting.get(), contains("the engine was destroyed"));
}

TEST_CASE("A full queue refuses, and requests of higher priority are admitted first", "[engine]") {
  EngineOptions options;
  options.max_waiting = 3;
  options.max_running = 1;
  Engine engine = two_experts(options);
  std::vector<int> order;
  const auto request = [&](int priority) {
    Request wanted = greedy("a", 1);
    wanted.priority = priority;
    wanted.stream = [&order, priority](const StreamEvent& event) {
      if (event.token < 0 && event.expert == 0) order.push_back(priority);
    };
    return wanted;
  };
  std::vector<Future<Result>> results;
  for (const int priority : {0, 2, 1})
    results.push_back(engine.submit(request(priority), Generate()));
  CHECK_THROWS_AS(engine.submit(request(0), Generate()), QueueFullError);
  CHECK_THROWS_WITH(engine.submit(request(0), Generate()),
                    contains("3 requests wait, and max_waiting is 3"));
  while (engine.step()) {}
  CHECK(order == std::vector<int>{2, 1, 0});
}

TEST_CASE("A batch of requests is answered in order, with progress", "[engine]") {
  EngineOptions options;
  options.max_waiting = 2;
  Engine engine = two_experts(options);
  std::vector<Request> requests;
  for (std::size_t i = 0; i < 9; ++i) requests.push_back(greedy("a", 1 + i % 3));
  std::size_t last = 0;
  auto results = engine.run(requests, Generate(), [&](std::size_t done, std::size_t all) {
    CHECK(done > last);
    CHECK(all == 9);
    last = done;
  });
  CHECK(last == 9);
  REQUIRE(results.size() == 9);
  for (std::size_t i = 0; i < 9; ++i)
    CHECK(results[i].get().candidates[0].tokens.size() == 1 + i % 3);
}

TEST_CASE("What throws ends its own request only", "[engine]") {
  Engine engine = two_experts();
  Request callback = greedy("a", 5);
  callback.stream = [](const StreamEvent&) { throw std::runtime_error("callback"); };
  Request filter = greedy("a", 5);
  filter.filters = {[](LogitSet&, const SamplingContext&) { throw std::runtime_error("filter"); }};
  const auto throwing = method_of([](Session& session) -> Task<Selection> {
    co_await session.write(1);
    throw std::runtime_error("method");
  });
  const auto at_once = method_of([](Session&) -> Task<Selection> {
    throw std::runtime_error("at once");
    co_return Selection{};
  });
  Future<Result> by_callback = engine.submit(callback, Generate());
  Future<Result> by_filter = engine.submit(filter, Generate());
  Future<Result> by_method = engine.submit(greedy("a", 5), throwing);
  Future<Result> by_start = engine.submit(greedy("a", 5), at_once);
  Future<Result> by_scorer = engine.submit(greedy("a", 5), Generate([](const Candidate&) -> double {
                                             throw std::runtime_error("scorer");
                                           }));
  Future<Result> untouched = engine.submit(greedy("a", 5), Generate());
  CHECK(untouched.get().candidates[0].text == "bcdef");
  CHECK_THROWS_WITH(by_callback.get(), "callback");
  CHECK_THROWS_WITH(by_filter.get(), "filter");
  CHECK_THROWS_WITH(by_method.get(), "method");
  CHECK_THROWS_WITH(by_start.get(), "at once");
  CHECK_THROWS_WITH(by_scorer.get(), "scorer");
}

TEST_CASE("A method that awaits what nobody computes ends with a typed error", "[engine]") {
  Engine engine = two_experts();
  const auto forever = method_of([](Session&) -> Task<Selection> {
    co_await std::suspend_always();
    co_return Selection{};
  });
  Future<Result> stuck = engine.submit(greedy("a", 1), forever);
  Future<Result> other = engine.submit(greedy("a", 1), Generate());
  CHECK(other.get().candidates[0].text == "b");
  CHECK_THROWS_AS(stuck.get(), ComponentError);
}

TEST_CASE("An engine that is stepped by its own callback says so", "[engine]") {
  Engine engine = two_experts();
  Request request = greedy("a", 2);
  request.stream = [&](const StreamEvent&) { engine.step(); };
  CHECK_THROWS_WITH(engine.submit(request, Generate()).get(), contains("was used from a callback"));
  request.stream = [&](const StreamEvent&) { engine.release_memory(); };
  CHECK_THROWS_AS(engine.submit(request, Generate()).get(), OptionError);
  request.stream = [&](const StreamEvent&) {
    (void)engine.submit(greedy("a", 1), Generate()).get();
  };
  engine.start();
  CHECK_THROWS_AS(engine.submit(request, Generate()).get(), OptionError);
  engine.stop();
  request.stream = nullptr;
  CHECK(engine.submit(request, Generate()).get().candidates[0].text == "bc");
}

TEST_CASE("Requests that cannot be answered are refused when they are submitted", "[engine]") {
  Engine engine = two_experts();
  Request request = greedy("a", 1);
  request.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(3);
  CHECK_THROWS_AS(engine.submit(request, Generate()), OptionError);
  CHECK_THROWS_WITH(engine.submit(request, Generate()), contains("s in the past"));
  CHECK_THROWS_WITH(engine.submit(greedy("a", 1), Method()), contains("empty std::function"));
  CHECK_THROWS_WITH(engine.submit(greedy(std::string(1000, 'a'), 1), Generate()),
                    contains("the prompt has 1000 tokens, the context holds 1000"));
  CHECK_THROWS_WITH(two_experts({.rows_per_step = 0}), contains("rows_per_step is 0"));
}

TEST_CASE("A stop ends a request within a step, in prompts, candidates and scores", "[engine]") {
  EngineOptions options;
  options.rows_per_step = 10;
  Engine engine = two_experts(options);
  StopSource source;
  Request request = greedy(std::string(500, 'a'), 5);
  request.stop = source.get_token();
  Future<Result> result = engine.submit(request, Generate());
  engine.step();
  CHECK_FALSE(result.ready());
  source.request_stop();
  engine.step();
  REQUIRE(result.ready());
  const Result ended = result.get();
  CHECK(ended.candidates[0].finish == FinishReason::canceled);
  CHECK(ended.candidates[0].tokens.empty());

  StopSource later;
  request.prompt = "a";
  request.stop = later.get_token();
  const auto scores = method_of([](Session& session) -> Task<Selection> {
    TextToScore text{0, std::vector<Token>(400, 1), {2}};
    const std::vector<TextToScore> texts(1, text);
    co_await session.score(texts);
    co_return Selection{};
  });
  Future<Result> scored = engine.submit(request, scores);
  engine.step();
  CHECK_FALSE(scored.ready());
  later.request_stop();
  engine.step();
  REQUIRE(scored.ready());
  CHECK_THROWS_AS(scored.get(), CanceledError);
}

TEST_CASE("Long prompts delay a decoding request by their share of one step only", "[engine]") {
  EngineOptions options;
  options.rows_per_step = 16;
  Engine engine = two_experts(options);
  std::size_t step = 0, last = 0, longest = 0;
  Request request = greedy("a", 60);
  request.stream = [&](const StreamEvent& event) {
    if (event.expert != 0 || event.token < 0) return;
    if (last > 0) longest = std::max(longest, step - last);
    last = step;
  };
  Future<Result> result = engine.submit(request, Generate());
  while (!result.ready()) {
    (void)engine.submit(greedy(std::string(300, 'b'), 1), Generate());
    ++step;
    engine.step();
  }
  CHECK(longest == 1);
}

TEST_CASE("A stage ends at a number of tokens, a mark or what a predicate sees, and goes on",
          "[engine][session]") {
  Engine engine = two_experts();
  std::vector<std::string> seen;
  const auto stages = method_of([&seen](Session& session) -> Task<Selection> {
    const Route route{1, 0};
    Until until;
    until.tokens = 2;
    const std::vector<std::size_t> all = co_await session.write(route, until);
    seen.push_back(session.candidates()[0].text);
    Until mark;
    mark.mark = "fg";
    co_await session.resume(all, mark);
    seen.push_back(session.candidates()[0].text);
    Until predicate;
    predicate.predicate = [](const Candidate& candidate) { return candidate.tokens.back() == 9; };
    co_await session.resume(all, predicate);
    seen.push_back(session.candidates()[0].text);
    const bool running = session.candidates()[0].finish == FinishReason::running;
    seen.emplace_back(running ? "running" : "ended");
    co_await session.resume(all);
    co_return Selection{};
  });
  const Result result = engine.submit(greedy("a", 12), stages).get();
  CHECK(seen == std::vector<std::string>{"bc", "bcdefg", "bcdefghij", "running"});
  CHECK(result.text() == "bcdefghijklm");
  CHECK(result.best().finish == FinishReason::length);
}

TEST_CASE("A method can stop a candidate and go on with the others", "[engine][session]") {
  Engine engine = two_experts();
  const auto prune = method_of([](Session& session) -> Task<Selection> {
    const Route route(2, 1);
    Until until;
    until.tokens = 2;
    const std::vector<std::size_t> all = co_await session.write(route, until);
    session.stop(0);
    co_await session.resume(all);
    Selection selection;
    selection.index = 1;
    co_return selection;
  });
  const Result result = engine.submit(greedy("a", 5), prune).get();
  CHECK(result.candidates[0].text == "bc");
  CHECK(result.candidates[0].finish == FinishReason::pruned);
  CHECK(result.text() == "cegik");
  CHECK(result.cost.total().generated_tokens == 7);
}

TEST_CASE("Operations that make no sense are typed errors", "[engine][session]") {
  Engine engine = two_experts();
  const auto refused = [&](auto operation) {
    const auto method = method_of([operation](Session& session) -> Task<Selection> {
      co_await session.write(1);
      operation(session);
      co_return Selection{};
    });
    return engine.submit(greedy("a", 2), method);
  };
  CHECK_THROWS_WITH(refused([](Session& s) { (void)s.write(Route(3)); }).get(),
                    contains("a route for 3 experts was given to a session of 2"));
  CHECK_THROWS_WITH(refused([](Session& s) { s.stop(2); }).get(),
                    contains("candidate 2 of 2 does not exist"));
  CHECK_THROWS_WITH(refused([](Session& s) { (void)s.branch(0, 3, 1); }).get(),
                    contains("a branch after 3 tokens of a candidate that has 2"));
  CHECK_THROWS_WITH(refused([](Session& s) {
                      (void)s.score({{2, {1}, {1}}});
                    }).get(),
                    contains("text 0 of 1 is for expert 2 of 2"));
  CHECK_THROWS_WITH(refused([](Session& s) {
                      (void)s.score({{0, {}, {1}}});
                    }).get(),
                    contains("a context of 0 tokens"));
  CHECK_THROWS_WITH(refused([](Session& s) {
                      (void)s.fuse(Fusion::product_of_experts, std::vector<double>(3));
                    }).get(),
                    contains("3 weights were given to a session of 2 experts"));
  CHECK_THROWS_WITH(refused([](Session& s) {
                      (void)s.fuse(Fusion::product_of_experts, std::vector<double>(2));
                    }).get(),
                    contains("the weights of all 2 experts are 0"));
  const auto busy = method_of([](Session& session) -> Task<Selection> {
    auto first = session.write(1);
    session.stop(0);
    co_await first;
    co_return Selection{};
  });
  CHECK_THROWS_WITH(engine.submit(greedy("a", 2), busy).get(), contains("is being written"));
}

TEST_CASE("A request can ask others, which end with it", "[engine][session]") {
  Engine engine = two_experts();
  const auto parent = method_of([](Session& session) -> Task<Selection> {
    const Method child = Generate();
    Request request = session.request();
    request.prompt = "k";
    auto first = session.ask(request, child);
    request.prompt = "p";
    auto second = session.ask(request, child);
    const Result a = co_await first;
    const Result b = co_await second;
    Selection selection;
    if (a.candidates[0].text != "lm" || b.candidates[0].text != "qr")
      throw std::runtime_error("wrong answers of the children");
    co_await session.write(1);
    co_return selection;
  });
  const Result result = engine.submit(greedy("a", 2), parent).get();
  CHECK(result.text() == "bc");
  CHECK(result.cost.total().generated_tokens == 12);  // those of its parts as well
  CHECK(result.cost.steps == engine.stats().steps);   // which share passes

  const auto impatient = method_of([](Session& session) -> Task<Selection> {
    const Method child = Generate();
    Request request = session.request();
    request.max_new_tokens = 500;
    (void)session.ask(request, child);
    co_return Selection{};
  });
  CHECK(engine.submit(greedy("a", 2), impatient).get().candidates.empty());
  CHECK_FALSE(engine.step());
}

TEST_CASE("A branch of a candidate that has ended for its length has ended, too",
          "[engine][session]") {
  Engine engine = two_experts();
  const auto branch = method_of([](Session& session) -> Task<Selection> {
    co_await session.write(1);
    co_await session.branch(0, 3, 1);
    co_await session.branch(0, 2, 1);
    co_return Selection{};
  });
  const Result result = engine.submit(greedy("a", 3), branch).get();
  REQUIRE(result.candidates.size() == 4);
  for (const std::size_t i : {0U, 2U, 3U}) {
    CHECK(result.candidates[i].text == "bcd");
    CHECK(result.candidates[i].finish == FinishReason::length);
  }
}

TEST_CASE("A thread that waits while the engine is stopped goes on with the steps", "[engine]") {
  Engine engine = two_experts();
  engine.start();
  Future<Result> result = engine.submit(greedy("a", 900), Generate());
  std::thread client([&] { CHECK(result.get().candidates[0].tokens.size() == 900); });
  engine.stop();
  client.join();
}

TEST_CASE("Tasks run side by side", "[engine][session]") {
  Engine engine = two_experts();
  const auto part = [](Session& session, std::uint32_t expert) -> Task<std::string> {
    Route route(2);
    route[expert] = 1;
    const std::vector<std::size_t> written = co_await session.write(route);
    co_return session.candidates()[written.front()].text;
  };
  std::vector<std::string> texts;
  const auto both = method_of([&texts, part](Session& session) -> Task<Selection> {
    std::vector<Task<std::string>> tasks;
    tasks.push_back(part(session, 1));
    tasks.push_back(part(session, 0));
    auto all = when_all(std::move(tasks));
    texts = co_await all;
    co_return Selection{};
  });
  (void)engine.submit(greedy("a", 3), both).get();
  CHECK(texts == std::vector<std::string>{"ceg", "bcd"});
  CHECK(engine.stats().steps == 3);  // not six
}

TEST_CASE("Weights of a fusion choose between the experts", "[engine][session]") {
  Engine engine = two_experts();
  for (const bool first : {true, false}) {
    const auto weighted = method_of([first](Session& session) -> Task<Selection> {
      const std::vector<double> weights{first ? 1.0 : 0.0, first ? 0.0 : 2.0};
      co_await session.fuse(Fusion::mean_of_probabilities, weights);
      co_return Selection{};
    });
    CHECK(engine.submit(greedy("a", 3), weighted).get().text() == (first ? "bcd" : "ceg"));
  }
}

TEST_CASE("Scores are those of a hand-computed model", "[engine][session]") {
  Engine engine = two_experts();
  std::vector<std::vector<float>> scores;
  const auto score = method_of([&scores](Session& session) -> Task<Selection> {
    const std::vector<TextToScore> texts = {{0, {0}, {1, 2}}, {1, {0}, {1, 2}}, {0, {0}, {}}};
    scores = co_await session.score(texts);
    co_return Selection{};
  });
  (void)engine.submit(greedy("a", 1), score).get();
  const double favorite = LetterModel{1}.log_probability_of_favorite();
  REQUIRE(scores.size() == 3);
  REQUIRE(scores[0].size() == 2);
  CHECK(scores[0][0] == Approx(favorite));
  CHECK(scores[0][1] == Approx(favorite));
  CHECK(scores[1][0] == Approx(favorite - 3));
  CHECK(scores[1][1] == Approx(favorite - 3));
  CHECK(scores[2].empty());
}

TEST_CASE("An ensemble answers several requests in the same batches", "[engine][ensemble]") {
  Ensemble<2, LetterModel, MeanLogProbability> ensemble(
      std::vector<LetterModel>{LetterModel{1}, LetterModel{2}}, letter_codec());
  const std::vector<Request> requests = {greedy("a", 3), greedy("k", 2), greedy("x", 1)};
  const std::vector<Result> results = ensemble.generate(requests);
  REQUIRE(results.size() == 3);
  CHECK(results[0].candidates[0].text == "bcd");
  CHECK(results[1].candidates[0].text == "lm");
  CHECK(results[2].candidates[1].text == "z");
  CHECK(ensemble.engine().stats().steps == 3);
  Ensemble moved = std::move(ensemble);
  CHECK(moved.generate(requests[0]).candidates[0].text == "bcd");
}

TEST_CASE("Statistics are written as Prometheus reads them", "[engine]") {
  EngineStats stats;
  stats.running = 3;
  stats.generated_tokens = 123;
  const std::string text = stats.prometheus();
  CHECK_THAT(text, contains("# TYPE tutti_requests_running gauge\ntutti_requests_running 3\n"));
  CHECK_THAT(text, contains("tutti_generated_tokens_total 123\n"));
}
