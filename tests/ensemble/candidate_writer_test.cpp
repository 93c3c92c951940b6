// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/candidate_writer.hpp"

#include <string>
#include <vector>

#include "tests/ensemble/support.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// A request, a codec and a prompt of two tokens that outlive the writer.
struct WriterFixture {
  Request request;
  TextCodec codec = letter_codec();
  std::vector<Token> prompt{0, 1};
  std::vector<Token> end_tokens{26};

  CandidateWriter writer(std::size_t context_length = 100) {
    return {request, codec, prompt, end_tokens, context_length, 3, 5};
  }
};

}  // namespace

TEST_CASE("A candidate writer appends tokens, their log-probabilities and their text",
          "[candidate_writer]") {
  WriterFixture f;
  CandidateWriter writer = f.writer();
  CHECK(writer.last_token() == 1);
  CHECK(writer.last_position() == 1);
  writer.append_token(2, -0.5F);
  writer.append_token(3, -1.5F);
  CHECK(writer.running());
  CHECK(writer.context().history.size() == 4);
  CHECK(writer.context().prompt_length == 2);
  writer.finish(FinishReason::budget);
  const Candidate candidate = writer.release_candidate();
  CHECK(candidate.expert == 3);
  CHECK(candidate.sample == 5);
  CHECK(candidate.tokens == std::vector<Token>{2, 3});
  CHECK(candidate.log_probabilities == std::vector<float>{-0.5F, -1.5F});
  CHECK(candidate.text == "cd");
  CHECK(candidate.finish == FinishReason::budget);
}

TEST_CASE("A candidate writer's draw key has the request, the candidate and the position",
          "[candidate_writer]") {
  WriterFixture f;
  f.request.seed = 11;
  f.request.draw_stream = 12;
  CandidateWriter writer = f.writer();
  const DrawKey key = writer.draw_key();
  CHECK(key.seed == 11);
  CHECK(key.request == 12);
  CHECK(key.expert == 3);
  CHECK(key.sample == 5);
  CHECK(key.position == 2);
  writer.append_token(2, 0.0F);
  CHECK(writer.draw_key().position == 3);
}

TEST_CASE("A candidate writer ends at each of its limits, for the first reason that holds",
          "[candidate_writer]") {
  const auto reason_after = [](auto prepare, std::vector<Token> tokens,
                               std::size_t context_length = 100) {
    WriterFixture f;
    prepare(f);
    CandidateWriter writer = f.writer(context_length);
    for (const Token token : tokens) writer.append_token(token, 0.0F);
    if (writer.running()) return FinishReason::running;
    return writer.release_candidate().finish;
  };
  const auto nothing = [](WriterFixture&) {};
  CHECK(reason_after(nothing, {2, 26}) == FinishReason::end_of_text);
  CHECK(reason_after([](WriterFixture& f) { f.request.ignore_end_of_text = true; }, {2, 26}) ==
        FinishReason::running);
  CHECK(reason_after([](WriterFixture& f) { f.end_tokens = {7}; }, {26}) == FinishReason::running);
  CHECK(reason_after([](WriterFixture& f) { f.request.stop_tokens = {4}; }, {2, 4}) ==
        FinishReason::stop_token);
  CHECK(reason_after([](WriterFixture& f) { f.request.stop_strings = {"cd"}; }, {2, 3}) ==
        FinishReason::stop_string);
  CHECK(reason_after([](WriterFixture& f) { f.request.max_new_tokens = 2; }, {2, 3}) ==
        FinishReason::length);
  CHECK(reason_after(nothing, {2, 3}, 4) == FinishReason::context_full);
}

TEST_CASE("A candidate writer streams every token and one closing event", "[candidate_writer]") {
  WriterFixture f;
  std::vector<Token> tokens;
  std::string text;
  std::size_t closing = 0;
  f.request.stop_strings = {"zz"};
  f.request.stream = [&](const StreamEvent& event) {
    CHECK(event.expert == 3);
    text += event.text;
    if (event.token >= 0) tokens.push_back(event.token);
    if (event.finish != FinishReason::running) ++closing;
  };
  CandidateWriter writer = f.writer();
  writer.append_token(2, 0.0F);
  writer.append_token(25, 0.0F);
  CHECK(text == "c");  // "z" may become a stop string
  writer.append_token(26, 0.0F);
  writer.finish(FinishReason::length);  // has ended already
  CHECK(text == "cz");
  CHECK(tokens == std::vector<Token>{2, 25});
  CHECK(closing == 1);
}

TEST_CASE("A candidate writer without token_bytes writes tokens only", "[candidate_writer]") {
  WriterFixture f;
  f.codec = {};
  CandidateWriter writer = f.writer();
  writer.append_token(2, 0.0F);
  writer.finish(FinishReason::length);
  const Candidate candidate = writer.release_candidate();
  CHECK(candidate.tokens == std::vector<Token>{2});
  CHECK(candidate.text.empty());
}
