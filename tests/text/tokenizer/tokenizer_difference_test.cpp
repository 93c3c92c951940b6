// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/tokenizer_difference.hpp"

#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/json.hpp"

namespace tutti {
namespace {

using test::contains;

/// e 0, t 1, et 2 then the given last token and last merges.
Tokenizer tokenizer(const std::string& last_token, const std::string& merges,
                    bool special = false) {
  const Json json = {{"added_tokens", {{{"id", 3}, {"content", last_token}, {"special", special}}}},
                     {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
                     {"decoder", {{"type", "ByteLevel"}}},
                     {"model",
                      {{"type", "BPE"},
                       {"vocab", {{"e", 0}, {"t", 1}, {"et", 2}}},
                       {"merges", Json::parse(merges)}}}};
  const test::TemporaryDirectory directory;
  return Tokenizer::from_hf(directory.write("tokenizer.json", json.dump()));
}

TEST_CASE("a tokenizer equals itself, whatever its special tokens are called to be",
          "[text][tokenizer_difference]") {
  CHECK(first_difference(tokenizer("<s>", R"([["e", "t"]])"), tokenizer("<s>", R"([["e", "t"]])"))
            .empty());
  CHECK(first_difference(tokenizer("<s>", R"([["e", "t"]])"),
                         tokenizer("<s>", R"([["e", "t"]])", true))
            .empty());
}

TEST_CASE("a token that means something else is named with both texts",
          "[text][tokenizer_difference]") {
  CHECK(first_difference(tokenizer("<s>", "[]"), tokenizer("</s>", "[]")) ==
        "token 3 is \"</s>\" instead of \"<s>\"");
}

TEST_CASE("merges that differ show in how a text is cut", "[text][tokenizer_difference]") {
  // Of the sample text only e and t are in the vocabulary: e t t e e e t t e ... becomes 0 1 1 0 0
  // ..., or 0 1 1 0 0 with et for 0 1.
  const std::string difference = first_difference(tokenizer("<s>", R"([["e", "t"]])"),
                                                  tokenizer("<s>", "[]"));
  CHECK_THAT(difference, contains("a sample text becomes other tokens: number "));
  CHECK_THAT(difference, contains(" is 0 instead of 2"));
}

}  // namespace
}  // namespace tutti
