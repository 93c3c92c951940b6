// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/pre_tokenizer_chain.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

using Pieces = std::vector<std::string>;
using Prepend = MetaspaceStep::Prepend;

Pieces pieces(const std::vector<PreTokenizerStep>& steps, std::string_view text, bool begins_text = true) {
  Pieces all;
  PreTokenizerChain(steps).for_each_piece(text, begins_text, [&](std::string_view piece) { all.emplace_back(piece); });
  return all;
}

MetaspaceStep metaspace(Prepend prepend, bool split) { return {"▁", prepend, split}; }

}  // namespace

TEST_CASE("without steps the text is one piece", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({}, "a b") == Pieces{"a b"});
  CHECK(pieces({}, "").empty());
}

TEST_CASE("each step cuts the pieces of the one before", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({LiteralSplitStep{"-", SplitBehavior::removed}, DigitsStep{true}}, "a12-3") == Pieces{"a", "1", "2", "3"});
  CHECK(pieces({DigitsStep{false}, PreTokenizer::gpt2}, "ab  12 c") == Pieces{"ab", "  ", "12", " c"});
  CHECK(pieces({DigitsStep{true}, PreTokenizer::gpt2}, "x 12") == Pieces{"x", " ", "1", "2"});
}

TEST_CASE("a regular expression is a step", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({RegexSplitStep{"[0-9]+", SplitBehavior::merged_with_previous}, PreTokenizer::gpt2}, "a12 b-3") ==
        Pieces{"a", "12", " b", "-", "3"});
  CHECK(pieces({RegexSplitStep{"[0-9]+", SplitBehavior::removed, true}}, "a12 b-3") == Pieces{"12", "3"});
  CHECK_THROWS_AS(pieces({RegexSplitStep{"("}}, "a"), FormatError);
}

TEST_CASE("a prefix space is put before every piece that lacks one", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({LiteralSplitStep{"-"}, PrefixSpaceStep{}}, "a- b") == Pieces{" a", " -", " b"});
}

TEST_CASE("spaces are marked, and cut before where asked", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({metaspace(Prepend::always, true)}, "Hey  you") == Pieces{"▁Hey", "▁", "▁you"});
  CHECK(pieces({metaspace(Prepend::always, false)}, "Hey  you") == Pieces{"▁Hey▁▁you"});
  CHECK(pieces({metaspace(Prepend::never, true)}, "Hey you ") == Pieces{"Hey", "▁you", "▁"});
  CHECK(pieces({metaspace(Prepend::always, true)}, " a") == Pieces{"▁a"});
}

TEST_CASE("a mark can be put first in the whole text only", "[text][pre_tokenizer_chain]") {
  CHECK(pieces({metaspace(Prepend::first, false)}, "a b") == Pieces{"▁a▁b"});
  CHECK(pieces({metaspace(Prepend::first, false)}, "a b", false) == Pieces{"a▁b"});
  CHECK(pieces({LiteralSplitStep{"-"}, metaspace(Prepend::first, false)}, "a-b") == Pieces{"▁a", "-", "b"});
  CHECK(pieces({LiteralSplitStep{"-", SplitBehavior::removed}, metaspace(Prepend::first, false)}, "-b") == Pieces{"b"});
}
