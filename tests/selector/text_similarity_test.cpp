// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/text_similarity.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/formats/json.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Made by tests/data/selector/generate_text_similarity.py.
Json similarity_cases() {
  return read_json_file(std::string(TUTTI_TEST_DATA) + "/selector/text_similarity.json");
}

}  // namespace

TEST_CASE("chrF equals sacrebleu's, token F1 SQuAD's", "[text_similarity]") {
  const Json cases = similarity_cases();
  for (const Json& sample : cases.at("cases")) {
    const std::string hypothesis = sample.at("hypothesis");
    const std::string reference = sample.at("reference");
    CAPTURE(hypothesis, reference);
    CHECK(ChrF{}(hypothesis, reference) == Approx(sample.at("chrf").get<double>()).margin(1e-12));
    CHECK(TokenF1{}(hypothesis, reference) ==
          Approx(sample.at("token_f1").get<double>()).margin(1e-12));
  }
}

TEST_CASE("chrF of two empty texts is 0 and their token F1 is 1", "[text_similarity]") {
  CHECK(ChrF{}("", "") == 0.0);
  CHECK(ChrF{}("", " \n") == 0.0);
  CHECK(TokenF1{}("", " ") == 1.0);
  CHECK(TokenF1{}("a", "") == 0.0);
}

TEST_CASE("Comparing all texts at once gives the values of each two", "[text_similarity]") {
  const std::vector<std::string_view> texts{"the cat sat", "a cat sat", "", "zzz", "the cat sat"};
  const std::vector<double> chrf = ChrF{}.compare_all(texts);
  const std::vector<double> f1 = TokenF1{}.compare_all(texts);
  REQUIRE(chrf.size() == 25);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 5; ++j) {
      CHECK(chrf[i * 5 + j] == ChrF{}(texts[i], texts[j]));
      CHECK(f1[i * 5 + j] == TokenF1{}(texts[i], texts[j]));
    }
  }
  CHECK(ChrF{}.compare_all({}).empty());
}

TEST_CASE("The n-grams of every text are counted once, however many texts it is compared with",
          "[text_similarity]") {
  std::vector<std::vector<std::uint32_t>> texts(64);
  for (std::uint32_t t = 0; t < 64; ++t) {
    for (std::uint32_t i = 0; i < 400; ++i) texts[t].push_back((i * i + t * i) % 29);
  }
  const detail::NGramOverlaps overlaps(texts, 6);
  CHECK(overlaps.counted() == 64U * (400 + 399 + 398 + 397 + 396 + 395));
  CHECK(overlaps.total(3, 6) == 395);
  CHECK(overlaps.overlap(5, 5, 4) == 397);
  CHECK(overlaps.overlap(5, 9, 2) == overlaps.overlap(9, 5, 2));
}

TEST_CASE("chrF takes orders of any length and texts shorter than the order", "[text_similarity]") {
  const ChrF long_order{20, 2.0};
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  CHECK(long_order(text, text) == 1.0);
  CHECK(long_order("abc", "abc") == 1.0);
  CHECK((ChrF{1, 1.0}("aab", "abb")) == Approx(2.0 / 3));
}

TEST_CASE("Exact match is all or nothing", "[text_similarity]") {
  CHECK(ExactMatch{}("a", "a") == 1.0);
  CHECK(ExactMatch{}("a", "a ") == 0.0);
}
