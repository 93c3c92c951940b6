// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens to text while they are being generated: half a character is kept back until the tokens
// bring the rest.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/base/types.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// Joined, what `push` and the last `flush` return is what Tokenizer::decode makes of all tokens at
/// once.
class StreamingDecoder {
 public:
  /// `tokenizer` must outlive this object.
  explicit StreamingDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(&tokenizer),
        skip_special_(skip_special),
        spaces_to_strip_(tokenizer.leading_spaces()) {}

  /// The text that `token` completes, valid UTF-8, often empty. What can never become valid is
  /// U+FFFD at once.
  /// @throws OptionError when the token is not in the vocabulary; the state is as before then.
  [[nodiscard]] std::string push(Token token) {
    std::string_view bytes = tokenizer_->token_bytes(token);
    if (skip_special_ && tokenizer_->is_special(token)) bytes = {};
    while (spaces_to_strip_ > 0 && !bytes.empty()) {
      const bool space = bytes.front() == ' ';
      if (space) bytes.remove_prefix(1);
      spaces_to_strip_ = space ? spaces_to_strip_ - 1 : 0;
    }
    pending_ += bytes;
    const std::size_t complete = complete_prefix_length(pending_);
    std::string text = replace_invalid_utf8(std::string_view(pending_).substr(0, complete));
    pending_.erase(0, complete);
    return text;
  }

  /// Ends the text: what is still incomplete becomes U+FFFD. The object can be used for the next
  /// text.
  [[nodiscard]] std::string flush() {
    spaces_to_strip_ = tokenizer_->leading_spaces();
    return replace_invalid_utf8(std::exchange(pending_, {}));
  }

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::size_t spaces_to_strip_;  // at the beginning of the text, as Tokenizer::decode does
  std::string pending_;          // up to three bytes: the beginning of one code point
};

}  // namespace tutti
