// SPDX-License-Identifier: Apache-2.0
// A chat answers what a fresh ensemble answers to the same messages, and computes only what is new.
#include "tutti/ensemble/chat.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/transformer/load_experts.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

constexpr Token kUser = 1, kEnd = 2, kAssistant = 3;

/// Every token of the tiny vocabulary of 96 is one byte, and a chat is a list of texts between
/// markers, so that the template repeats the tokens of an answer.
TextCodec byte_codec() {
  TextCodec codec;
  codec.encode_chat = [](std::span<const ChatMessage> messages) {
    std::vector<Token> tokens;
    for (const ChatMessage& message : messages) {
      tokens.push_back(message.role == "assistant" ? kAssistant : kUser);
      for (const char c : message.content) tokens.push_back(c - ' ');
      tokens.push_back(kEnd);
    }
    tokens.push_back(kAssistant);
    return tokens;
  };
  codec.token_bytes = [](Token token) { return std::string(1, static_cast<char>(' ' + token)); };
  return codec;
}

template <class Scorer = MeanLogProbability>
auto two_experts(Scorer scorer = {}) {
  std::vector<TestModel> models{TestModel::load(checkpoint("llama")),
                                TestModel::load(checkpoint("llama_second"))};
  return Ensemble<2, TestModel, Scorer>(ExpertStack<2, TestModel>(std::move(models), on_threads(1)),
                                        byte_codec(), std::move(scorer));
}

auto one_expert() {
  std::vector<TestModel> models{TestModel::load(checkpoint("llama"))};
  return Ensemble<1, TestModel, MeanLogProbability>(
      ExpertStack<1, TestModel>(std::move(models), on_threads(1)), byte_codec());
}

Request settings_of(std::size_t tokens, std::size_t samples = 1) {
  Request settings;
  settings.max_new_tokens = tokens;
  settings.samples_per_expert = samples;
  settings.seed = 5;
  return settings;
}

void check_same(const Result& a, const Result& b) {
  CHECK(a.prompt_tokens == b.prompt_tokens);
  CHECK(a.selection.index == b.selection.index);
  REQUIRE(a.candidates.size() == b.candidates.size());
  for (std::size_t c = 0; c < a.candidates.size(); ++c) {
    CHECK(a.candidates[c].tokens == b.candidates[c].tokens);
    CHECK(same_bits(a.candidates[c].log_probabilities, b.candidates[c].log_probabilities));
  }
}

/// Answers with what it was asked, and keeps the requests.
struct Echo {
  std::vector<Request> requests;

  Result generate(const Request& request) {
    requests.push_back(request);
    Result result;
    result.candidates.resize(1);
    result.candidates[0].text = request.messages.back().content + "?" +
                                std::to_string(request.draw_stream);
    return result;
  }
};

std::vector<std::string> contents(const Chat& chat) {
  std::vector<std::string> texts;
  for (const ChatMessage& message : chat.messages())
    texts.push_back(message.role.substr(0, 1) + ":" + message.content);
  return texts;
}

}  // namespace

TEST_CASE("Turn 2 of a chat computes the new tokens and at most one page, with the same bits",
          "[chat]") {
  auto ensemble = one_expert();
  Chat chat(ensemble, "", settings_of(70));
  const Result first = chat.say("How many legs has a spider?");
  const std::size_t known = first.prompt_tokens.size() + first.best().tokens.size();
  const auto cached = ensemble.engine().stats().cached_tokens;
  const Result second = chat.say("And a crab?");
  const std::size_t computed = second.cost.total().prompt_tokens;
  CHECK(ensemble.engine().stats().cached_tokens - cached == second.prompt_tokens.size() - computed);
  CHECK(computed >= second.prompt_tokens.size() - known);
  CHECK(computed <= second.prompt_tokens.size() - known + kPagePositions);

  auto fresh = one_expert();
  Request request = settings_of(70);
  request.messages = {chat.messages().begin(), chat.messages().end() - 1};
  check_same(second, fresh.generate(request));
  CHECK(fresh.engine().stats().cached_tokens == 0);
}

TEST_CASE("A scorer that lets all experts read the answers leaves their pages to all experts",
          "[chat]") {
  auto ensemble = two_experts(CrossExpertLikelihood{});
  Chat chat(ensemble, "Be brief.", settings_of(66, 2));
  const Result first = chat.say("How many legs has a spider?");
  const std::size_t known = first.prompt_tokens.size() + first.best().tokens.size();
  const Result second = chat.say("And a crab?");
  for (const Cost& cost : second.cost.per_expert)
    CHECK(cost.prompt_tokens <= second.prompt_tokens.size() - known + kPagePositions);

  auto fresh = two_experts(CrossExpertLikelihood{});
  Request request = settings_of(66, 2);
  request.messages = {chat.messages().begin(), chat.messages().end() - 1};
  check_same(second, fresh.generate(request));
}

TEST_CASE("A chat sends the system message, all turns, and the settings", "[chat]") {
  Echo echo;
  Chat chat(echo, "Be brief.", settings_of(9));
  CHECK(chat.say("a").text() == "a?0");
  CHECK(chat.say("b").text() == "b?0");
  CHECK(contents(chat) == std::vector<std::string>{"s:Be brief.", "u:a", "a:a?0", "u:b", "a:b?0"});
  REQUIRE(echo.requests.size() == 2);
  CHECK(echo.requests[1].messages.size() == 4);
  CHECK(echo.requests[1].max_new_tokens == 9);
  CHECK(echo.requests[1].seed == 5);
}

TEST_CASE("Undo removes the last turn, and regenerate draws its answer anew", "[chat]") {
  Echo echo;
  Chat chat(echo);
  CHECK_THROWS_AS(chat.regenerate(), OptionError);
  CHECK_FALSE(chat.undo());
  (void)chat.say("a");
  (void)chat.say("b");
  CHECK(chat.regenerate().text() == "b?1");
  CHECK(chat.regenerate().text() == "b?2");
  CHECK(contents(chat) == std::vector<std::string>{"u:a", "a:a?0", "u:b", "a:b?2"});
  CHECK(chat.undo() == std::optional<std::string>("b"));
  CHECK(contents(chat) == std::vector<std::string>{"u:a", "a:a?0"});
  CHECK(chat.say("b").text() == "b?0");
}

TEST_CASE("The oldest turn can be dropped, but not the only one", "[chat]") {
  Echo echo;
  Chat chat(echo, "s");
  (void)chat.say("a");
  CHECK_FALSE(chat.drop_oldest_turn());
  (void)chat.say("b");
  CHECK(chat.drop_oldest_turn());
  CHECK(contents(chat) == std::vector<std::string>{"s:s", "u:b", "a:b?0"});
  chat.clear();
  CHECK(contents(chat) == std::vector<std::string>{"s:s"});
}

TEST_CASE("A message that was added is answered by reply", "[chat]") {
  Echo echo;
  Chat chat(echo);
  chat.add({"tool", "8"});
  CHECK(chat.reply().text() == "8?0");
  CHECK(contents(chat) == std::vector<std::string>{"t:8", "a:8?0"});
}

TEST_CASE("A turn that throws leaves the conversation as it was", "[chat]") {
  auto ensemble = one_expert();  // context of 256 positions
  Chat chat(ensemble, "", settings_of(100));
  (void)chat.say(std::string(100, 'x'));
  CHECK_THROWS_AS(chat.say(std::string(100, 'y')), CapacityError);
  CHECK_THROWS_AS(chat.say(""), OptionError);
  CHECK(chat.messages().size() == 2);
  CHECK_THROWS_AS(chat.say("b", [](const StreamEvent&) { throw OptionError("from the stream"); }),
                  OptionError);
  CHECK(chat.messages().size() == 2);
  Request with_prompt;
  with_prompt.prompt = "a";
  CHECK_THROWS_AS(Chat(ensemble, "", with_prompt).say("b"), OptionError);
  CHECK_THROWS_AS(Chat(std::function<Result(Request)>()), OptionError);
}

TEST_CASE("A stream gets the text of the answer; a function with a method can answer", "[chat]") {
  auto ensemble = one_expert();
  const auto answer = [&](Request request) {
    return ensemble.engine()
        .submit(std::move(request),
                [](Session& session) -> Task<Selection> {
                  co_await session.write(2);
                  co_return Selection{1, {}};
                })
        .get();
  };
  Chat chat(answer, "", settings_of(20));
  std::string streamed;
  const Result result = chat.say("Hello", [&](const StreamEvent& event) {
    if (event.sample == 1) streamed += event.text;
  });
  CHECK(result.best().sample == 1);
  CHECK(streamed == result.text());
  CHECK(chat.messages().back().content == result.text());
}

TEST_CASE("Chats in several threads share a started engine", "[chat]") {
  auto ensemble = one_expert();
  ensemble.engine().start();
  std::vector<std::string> answers(3);
  {
    std::vector<std::thread> threads;
    for (std::string& answer : answers) {
      threads.emplace_back([&] {
        Chat chat(ensemble, "", settings_of(20));
        (void)chat.say("Hello");
        answer = chat.say("Again").text();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ensemble.engine().stop();
  CHECK(answers[0] == answers[1]);
  CHECK(answers[0] == answers[2]);
  CHECK(answers[0].size() == 20);
}

TEST_CASE("A chat with SmolLM2 computes only the new tokens of each turn", "[chat]") {
  const std::filesystem::path path = std::filesystem::path(TUTTI_MODEL_DIR) /
                                     "SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(path)) TUTTI_SKIP("the model is not downloaded");
  Ensemble ensemble(load_experts<Cpu>(std::vector{path}));
  Request settings = settings_of(80);
  settings.sampling.temperature = 0;
  Chat chat(ensemble, "You are a helpful assistant.", settings);
  Result last = chat.say("Name three uses of a brick.");
  for (const char* const text : {"Which is the oldest?", "Why?"}) {
    const std::size_t known = last.prompt_tokens.size() + last.best().tokens.size();
    last = chat.say(text);
    CHECK(last.cost.total().prompt_tokens <= last.prompt_tokens.size() - known + kPagePositions);
  }
}
