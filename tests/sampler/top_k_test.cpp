// SPDX-License-Identifier: Apache-2.0
#include "tutti/sampler/top_k.hpp"

#include <limits>

#include "tests/sampler/filtered.hpp"
#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::tokens_left;

TEST_CASE("top-k keeps the k most likely tokens") {
  CHECK(tokens_left(TopK(2), {1.0F, 3.0F, 2.0F, 0.0F}) == std::vector<Token>{1, 2});
  CHECK(tokens_left(TopK(1), {1.0F, 3.0F, 2.0F, 0.0F}) == std::vector<Token>{1});
}

TEST_CASE("of tokens that tie for the last place top-k keeps the lowest") {
  CHECK(tokens_left(TopK(2), {1.0F, 2.0F, 2.0F, 2.0F}) == std::vector<Token>{1, 2});
}

TEST_CASE("a k of zero, of the vocabulary or of more keeps all") {
  for (const std::size_t k : {0U, 3U, 4U, 1000000U})
    CHECK(tokens_left(TopK(k), {1.0F, 3.0F, 2.0F}) == std::vector<Token>{0, 1, 2});
}

TEST_CASE("top-k never brings a token at minus infinity back") {
  const float out = -std::numeric_limits<float>::infinity();
  CHECK(tokens_left(TopK(3), {out, 3.0F, out, 1.0F}) == std::vector<Token>{1, 3});
}
