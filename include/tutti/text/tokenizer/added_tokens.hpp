// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens that are found in the raw text before anything else happens to it: "<|im_end|>" and the
// like.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// A token with a text of its own, as Hugging Face's `added_tokens` describe it.
struct AddedToken {
  Token id = 0;
  std::string text;
  /// A control token: hidden by decode, and found only where the caller allows it.
  bool special = false;
  bool strip_left = false;   ///< Takes the white space before it with it.
  bool strip_right = false;  ///< Takes the white space behind it with it.
  /// Looked for only in what the tokens without this flag leave over.
  bool after_normalization = false;
};

/// Finds the leftmost, and there the longest, of a set of tokens. Immutable.
class AddedTokens {
 public:
  struct Match {
    const AddedToken* token;
    std::size_t begin;
    std::size_t end;
  };

  /// @throws FormatError when a text is empty or given twice.
  explicit AddedTokens(std::vector<AddedToken> tokens = {}) : tokens_(std::move(tokens)) {
    std::sort(tokens_.begin(), tokens_.end(),
              [](const AddedToken& a, const AddedToken& b) { return a.text < b.text; });
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const AddedToken& token = tokens_[i];
      require<FormatError>(!token.text.empty(), "added token ", token.id, " has no text");
      require<FormatError>(i == 0 || tokens_[i - 1].text != token.text, "added tokens ",
                           tokens_[i == 0 ? 0 : i - 1].id, " and ", token.id, " are the same text");
      begins_[static_cast<unsigned char>(token.text[0])] = true;
    }
  }

  /// The first match in text[from, end).
  [[nodiscard]] std::optional<Match> find_next(std::string_view text, std::size_t from) const {
    if (tokens_.empty()) return std::nullopt;
    for (std::size_t at = from; at < text.size(); ++at) {
      if (!begins_[static_cast<unsigned char>(text[at])]) continue;
      if (const AddedToken* token = longest_prefix(text.substr(at)))
        return Match{token, at, at + token->text.size()};
    }
    return std::nullopt;
  }

  /// The token whose text is `text`.
  [[nodiscard]] const AddedToken* find(std::string_view text) const {
    const AddedToken* token = longest_prefix(text);
    return token != nullptr && token->text.size() == text.size() ? token : nullptr;
  }

  /// Sorted by text.
  [[nodiscard]] std::span<const AddedToken> tokens() const { return tokens_; }

 private:
  /// The longest token that `text` begins with. The sorted list is a trie: tokens that share a
  /// prefix are neighbors, and every further byte narrows the range by two binary searches.
  [[nodiscard]] const AddedToken* longest_prefix(std::string_view text) const {
    const AddedToken* longest = nullptr;
    auto first = tokens_.begin();
    auto last = tokens_.end();
    for (std::size_t depth = 0; first != last; ++depth) {
      // The one that ends here sorts before those that go on.
      if (first->text.size() == depth) longest = &*first++;
      if (depth == text.size()) break;
      const auto byte = static_cast<unsigned char>(text[depth]);
      first = std::lower_bound(
          first, last, byte,
          [depth](const AddedToken& token, unsigned char b) { return byte_at(token, depth) < b; });
      last = std::upper_bound(first, last, byte, [depth](unsigned char b, const AddedToken& token) {
        return b < byte_at(token, depth);
      });
    }
    return longest;
  }

  static unsigned char byte_at(const AddedToken& token, std::size_t depth) {
    return static_cast<unsigned char>(token.text[depth]);
  }

  std::vector<AddedToken> tokens_;
  std::array<bool, 256> begins_{};  // by byte: some token begins with it
};

namespace detail {

/// Where the white space that ends at `end` begins, not before `limit`.
[[nodiscard]] inline std::size_t white_space_begin(std::string_view text, std::size_t end,
                                                   std::size_t limit) {
  while (end > limit) {
    std::size_t begin = end - 1;
    while (begin > limit && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
    if (!is_whitespace(decode_utf8(text, begin).code_point)) break;
    end = begin;
  }
  return end;
}

/// Where the white space that begins at `begin` ends.
[[nodiscard]] inline std::size_t white_space_run_end(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const DecodedCodePoint next = decode_utf8(text, begin);
    if (!is_whitespace(next.code_point)) break;
    begin += next.length;
  }
  return begin;
}

}  // namespace detail

}  // namespace tutti
