// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/base/error.hpp"

using namespace tutti;

namespace {

using Texts = std::vector<std::string>;
using Prepend = MetaspaceStep::Prepend;

Texts pieces(const std::vector<PreTokenizerStep>& steps, std::string_view text,
             bool begins_text = true) {
  Texts all;
  PreTokenizerChain(steps).for_each_piece(text, begins_text,
                                          [&](std::string_view piece) { all.emplace_back(piece); });
  return all;
}

MetaspaceStep metaspace(Prepend prepend, bool split) { return {"▁", prepend, split}; }

}  // namespace

TEST_CASE("without steps the text is one piece", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({}, "a b") == Texts{"a b"});
  CHECK(pieces({}, "").empty());
}

TEST_CASE("each step cuts the pieces of the one before", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({LiteralSplitStep{"-", SplitBehavior::removed}, DigitsStep{true}}, "a12-3") ==
        Texts{"a", "1", "2", "3"});
  CHECK(pieces({DigitsStep{false}, PreTokenizer::gpt2}, "ab  12 c") ==
        Texts{"ab", "  ", "12", " c"});
  CHECK(pieces({DigitsStep{true}, PreTokenizer::gpt2}, "x 12") == Texts{"x", " ", "1", "2"});
}

TEST_CASE("a regular expression is a step", "[text][pre_tokenizer_chain][text_libraries]") {
  CHECK(pieces({RegexSplitStep{"[0-9]+", SplitBehavior::merged_with_previous}, PreTokenizer::gpt2},
               "a12 b-3") == Texts{"a", "12", " b", "-", "3"});
  CHECK(pieces({RegexSplitStep{"[0-9]+", SplitBehavior::removed, true}}, "a12 b-3") ==
        Texts{"12", "3"});
  CHECK_THROWS_AS(pieces({RegexSplitStep{"("}}, "a"), FormatError);
}

TEST_CASE("a prefix space is put before every piece that lacks one",
          "[text][pre_tokenizer_chain]") {
  CHECK(pieces({LiteralSplitStep{"-"}, PrefixSpaceStep{}}, "a- b") == Texts{" a", " -", " b"});
}

TEST_CASE("spaces are marked, and cut before where asked", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({metaspace(Prepend::always, true)}, "Hey  you") == Texts{"▁Hey", "▁", "▁you"});
  CHECK(pieces({metaspace(Prepend::always, false)}, "Hey  you") == Texts{"▁Hey▁▁you"});
  CHECK(pieces({metaspace(Prepend::never, true)}, "Hey you ") == Texts{"Hey", "▁you", "▁"});
  CHECK(pieces({metaspace(Prepend::always, true)}, " a") == Texts{"▁a"});
}

TEST_CASE("a mark can be put first in the whole text only", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({metaspace(Prepend::first, false)}, "a b") == Texts{"▁a▁b"});
  CHECK(pieces({metaspace(Prepend::first, false)}, "a b", false) == Texts{"a▁b"});
  CHECK(pieces({LiteralSplitStep{"-"}, metaspace(Prepend::first, false)}, "a-b") ==
        Texts{"▁a", "-", "b"});
  CHECK(pieces({LiteralSplitStep{"-", SplitBehavior::removed}, metaspace(Prepend::first, false)},
               "-b") == Texts{"b"});
}
