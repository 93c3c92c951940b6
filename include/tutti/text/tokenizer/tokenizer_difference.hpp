// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether two tokenizers mean the same by every token. Experts that share one prompt must: a model
// that reads another's token numbers as its own answers fluently to something that no one asked.

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti {

/// The first thing in which `b` differs from `a`, with both values; empty when both have the same
/// tokens and cut a sample text alike (words, contractions, digits, white space, other scripts,
/// BOS). That is no proof that they cut every text alike, but other merges or another pre-tokenizer
/// hardly pass it. Which tokens are special, BOS, EOS and the chat template may differ.
[[nodiscard]] inline std::string first_difference(const Tokenizer& a, const Tokenizer& b) {
  std::ostringstream difference;
  if (a.vocabulary_size() != b.vocabulary_size()) {
    difference << "the tokenizer has " << b.vocabulary_size() << " tokens instead of "
               << a.vocabulary_size();
    return difference.str();
  }
  for (std::size_t i = 0; i < a.vocabulary_size(); ++i) {
    const auto token = static_cast<Token>(i);
    if (a.token_bytes(token) == b.token_bytes(token)) continue;
    difference << "token " << i << " is " << in_quotes(b.token_bytes(token)) << " instead of "
               << in_quotes(a.token_bytes(token));
    return difference.str();
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
  difference << "a sample text becomes other tokens: number " << (l - left.begin()) << " is "
             << text(r, right) << " instead of " << text(l, left);
  return difference.str();
}

}  // namespace tutti
