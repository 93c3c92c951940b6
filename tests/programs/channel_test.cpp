// SPDX-License-Identifier: Apache-2.0
#include "programs/channel.hpp"

#include <filesystem>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/formats/json.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("a channel reading has the program first and asks for the outputs and their ends") {
  using namespace programs;
  const Token one = programs::detail::number_token(1), two = programs::detail::number_token(2),
              three = programs::detail::number_token(3);
  const std::vector<Token> prompt{kBeginToken,     one,   kEqualsToken, two, three,
                                  kSeparatorToken, three, kEqualsToken, one, kSeparatorToken,
                                  kProgramToken};
  const std::vector<Token> program{two, kEndToken};
  const ChannelReading reading = read_channel(prompt, program);
  CHECK(reading.tokens == std::vector<Token>{kBeginToken, kProgramToken, two, kEndToken, one,
                                             kEqualsToken, two, three, kSeparatorToken, three,
                                             kEqualsToken, one, kSeparatorToken});
  CHECK(reading.scored_positions == std::vector<std::uint32_t>{6, 7, 8, 11, 12});
  CHECK(read_channel({}, {}).scored_positions.empty());
}

TEST_CASE("the value model's values are those of transformers for the readings of the training") {
  const std::filesystem::path data(TUTTI_TEST_DATA);
  const TestModel model = TestModel::load(data / ".." / ".." / "studies" / "program_synthesis" /
                                          "models" / "value");
  NoisyChannel<TestBackend> channel(
      model,
      [](const ScoringRequest& request, const Candidate& candidate) {
        return programs::read_channel(request.prompt, candidate.tokens);
      },
      {}, exact_cache());
  const Json cases = read_json_file(data / "programs" / "logits.json").at("channel");
  REQUIRE(cases.size() == 2);
  for (const Json& expected : cases) {
    const auto prompt = expected.at("prompt").get<std::vector<Token>>();
    Candidate candidate;
    candidate.tokens = expected.at("program").get<std::vector<Token>>();
    CHECK(programs::read_channel(prompt, candidate.tokens).tokens ==
          expected.at("reading").get<std::vector<Token>>());
    // Sums of tens of terms, each of which may differ by 1e-4.
    CHECK(channel.score({prompt, {}, std::span(&candidate, 1)})[0] ==
          Approx(expected.at("value").get<double>()).margin(1e-3));
  }
}
