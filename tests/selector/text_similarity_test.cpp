// SPDX-License-Identifier: Apache-2.0
#include "tutti/selector/text_similarity.hpp"

#include "tests/support/catch.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("chrF is sacrebleu's", "[text_similarity]") {
  // sacrebleu 2.6.0, CHRF().sentence_score(hypothesis, [reference]).score / 100
  const ChrF chrf;
  CHECK(chrf("the cat sat on the mat", "the cat is on the mat") == Approx(0.645779420625287));
  CHECK(chrf("abc", "abc") == 1.0);
  CHECK(chrf("abc", "xyz") == 0.0);
  CHECK(chrf("Gr\xC3\xBC\xC3\x9F"
             "e aus K\xC3\xB6ln",
             "Gruesse aus K\xC3\xB6ln") == Approx(0.5208503903673235));
  CHECK(chrf("a", "a b c") == Approx(0.3846153846153846));
  CHECK(chrf("ab", "abcdefgh") == Approx(0.23404255319148938));
  CHECK(chrf("hello world", "") == 0.0);
}

TEST_CASE("Texts of nothing but white space are alike", "[text_similarity]") {
  CHECK(ChrF{}("", " \n") == 1.0);
  CHECK(TokenF1{}("", " ") == 1.0);
  CHECK(TokenF1{}("a", "") == 0.0);
}

TEST_CASE("Token F1 counts common words with their multiplicity", "[text_similarity]") {
  CHECK(TokenF1{}("a b b", "b a  c") == Approx(2.0 * 2 / 6));
  CHECK(TokenF1{}("one\ttwo", "two\none") == 1.0);
}

TEST_CASE("Exact match is all or nothing", "[text_similarity]") {
  CHECK(ExactMatch{}("a", "a") == 1.0);
  CHECK(ExactMatch{}("a", "a ") == 0.0);
}
