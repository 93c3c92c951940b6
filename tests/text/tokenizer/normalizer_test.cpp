// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/normalizer.hpp"

#include <string>

#include "tests/support/catch.hpp"

using namespace tutti;

TEST_CASE("every occurrence is replaced, from left to right and once", "[text][normalizer]") {
  CHECK(replace_all("a b  c", {" ", "▁"}) == "a▁b▁▁c");
  CHECK(replace_all("aaa", {"aa", "b"}) == "ba");
  CHECK(replace_all("ab", {"b", "bb"}) == "abb");
  CHECK(replace_all("", {"b", "c"}) == "");
}

TEST_CASE("steps are done in order", "[text][normalizer]") {
  const Normalizer llama2({PrependStep{"▁"}, ReplaceStep{" ", "▁"}});
  CHECK(llama2("a b") == "▁a▁b");
  CHECK(llama2(" a") == "▁▁a");
  CHECK(llama2("") == "");
  CHECK(Normalizer({ReplaceStep{" ", "▁"}, PrependStep{" "}})("a b") == " a▁b");
  CHECK(Normalizer().empty());
  CHECK(Normalizer()("a b") == "a b");
}

TEST_CASE("a text that would grow beyond measure is refused before it does", "[text][normalizer]") {
  const Normalizer doubling(std::vector<NormalizerStep>(16, ReplaceStep{"a", "aa"}));
  CHECK_THROWS_AS(doubling("aaaa"), FormatError);
  CHECK_THROWS_WITH(Normalizer({PrependStep{std::string(100, 'x')}})("a"),
                    test::contains("101 bytes of a text of 1"));
  CHECK(Normalizer({ReplaceStep{"a", std::string(63, 'x')}})("a").size() == 63);
}
