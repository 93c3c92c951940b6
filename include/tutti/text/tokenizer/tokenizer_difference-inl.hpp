// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of tokenizer_difference.hpp.

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/tokenizer/tokenizer_difference.hpp"

namespace tutti {

TUTTI_INLINE std::string first_difference(const Tokenizer& a, const Tokenizer& b) {
  if (a.vocabulary_size() != b.vocabulary_size()) {
    return "the tokenizer has " + std::to_string(b.vocabulary_size()) + " tokens instead of " +
           std::to_string(a.vocabulary_size());
  }
  for (std::size_t i = 0; i < a.vocabulary_size(); ++i) {
    const auto token = static_cast<Token>(i);
    if (a.token_bytes(token) == b.token_bytes(token)) continue;
    return "token " + std::to_string(i) + " is " + in_quotes(b.token_bytes(token)) +
           " instead of " + in_quotes(a.token_bytes(token));
  }
  constexpr std::string_view kSample =
      "The committee hasn't met since 1984; they'll\tmeet again on 12/31, 23:59.\n\n  Caf\xC3\xA9s "
      "cost \xE2\x82\xAC"
      "3.50, "
      "\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82 \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x99\x82  "
      " int main() { return x_1 << 2; }\r\n";
  const std::vector<Token> left = a.encode(kSample);
  const std::vector<Token> right = b.encode(kSample);
  const auto [l, r] = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  if (l == left.end() && r == right.end()) return {};
  const auto text = [](std::vector<Token>::const_iterator at, const std::vector<Token>& tokens) {
    return at == tokens.end() ? std::string("the end") : std::to_string(*at);
  };
  return "a sample text becomes other tokens: number " + std::to_string(l - left.begin()) + " is " +
         text(r, right) + " instead of " + text(l, left);
}

}  // namespace tutti
