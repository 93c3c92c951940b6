// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens that are found in the text before it is cut into pieces: "<|im_end|>" and the like.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// A token with a text of its own, as Hugging Face's `added_tokens` describe it.
struct AddedToken {
  Token id = 0;
  std::string text;
  /// A control token: decode skips it, and it is found only if the caller allows it.
  bool special = false;
  bool strip_left = false;   ///< Includes the white space before it.
  bool strip_right = false;  ///< Includes the white space after it.
  /// Found only where no word character stands next to it.
  bool single_word = false;
  /// Found in the normalized text between the tokens without this flag.
  bool after_normalization = false;
  /// Decoded to its normalized text, as tokens with the flag before are in any case: tokenizers
  /// does so if an earlier entry for the same token had that flag.
  bool decode_normalized = false;
};

/// Finds the leftmost, and of those the longest, of a set of tokens. Immutable.
class AddedTokens {
 public:
  struct Match {
    const AddedToken* token;
    std::size_t begin;
    std::size_t end;
  };

  /// Tokens without a text are not found; of several with the same text, the first is.
  explicit AddedTokens(std::vector<AddedToken> tokens = {}) : tokens_(std::move(tokens)) {
    for (std::uint32_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].text.empty()) continue;
      order_.push_back(i);
      begins_[static_cast<unsigned char>(tokens_[i].text[0])] = true;
    }
    std::sort(order_.begin(), order_.end(), [this](std::uint32_t a, std::uint32_t b) {
      const int order = tokens_[a].text.compare(tokens_[b].text);
      return order < 0 || (order == 0 && a < b);
    });
  }

  /// The first match in text[from, end).
  [[nodiscard]] std::optional<Match> find_next(std::string_view text, std::size_t from) const {
    return find_next(text, from, [](const AddedToken&, std::size_t) { return true; });
  }

  /// The first match for which accept(token, begin) holds.
  template <class Accept>
  [[nodiscard]] std::optional<Match> find_next(std::string_view text, std::size_t from,
                                               const Accept& accept) const {
    if (order_.empty()) return std::nullopt;
    for (std::size_t at = from; at < text.size(); ++at) {
      if (!begins_[static_cast<unsigned char>(text[at])]) continue;
      const auto accept_here = [&](const AddedToken& token) { return accept(token, at); };
      if (const AddedToken* token = longest_prefix(text.substr(at), accept_here))
        return Match{token, at, at + token->text.size()};
    }
    return std::nullopt;
  }

 private:
  /// The longest token that `text` begins with. The sorted list is used as a trie: tokens that
  /// share a prefix are adjacent, and each further byte narrows the range by two binary searches.
  template <class Accept>
  [[nodiscard]] const AddedToken* longest_prefix(std::string_view text,
                                                 const Accept& accept) const {
    const AddedToken* longest = nullptr;
    std::size_t first = 0;
    std::size_t last = order_.size();
    for (std::size_t depth = 0; first != last; ++depth) {
      // Tokens that end here come before those that continue.
      if (size_of(first) == depth && accept(tokens_[order_[first]]))
        longest = &tokens_[order_[first]];
      while (first != last && size_of(first) == depth) ++first;
      if (depth == text.size()) break;
      const auto byte = static_cast<unsigned char>(text[depth]);
      first = partition_point(first, last, depth, byte, false);
      last = partition_point(first, last, depth, byte, true);
    }
    return longest;
  }

  [[nodiscard]] std::size_t size_of(std::size_t place) const {
    return tokens_[order_[place]].text.size();
  }

  /// The first of the tokens [first, last) in order whose byte at `depth` is at least `byte`, or
  /// greater if `above`.
  [[nodiscard]] std::size_t partition_point(std::size_t first, std::size_t last, std::size_t depth,
                                            unsigned char byte, bool above) const {
    while (first < last) {
      const std::size_t middle = first + (last - first) / 2;
      const auto found = static_cast<unsigned char>(tokens_[order_[middle]].text[depth]);
      if (found < byte || (above && found == byte)) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return first;
  }

  std::vector<AddedToken> tokens_;
  std::vector<std::uint32_t> order_;  // of the tokens with a text, sorted by it
  std::array<bool, 256> begins_{};    // by byte: some token begins with it
};

namespace detail {

/// Start of the code point that ends at `end`; `limit` or later.
[[nodiscard]] inline std::size_t code_point_begin(std::string_view text, std::size_t end,
                                                  std::size_t limit) {
  std::size_t begin = end - 1;
  while (begin > limit && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
  return begin;
}

/// Start of the white space that ends at `end`; `limit` or later.
[[nodiscard]] inline std::size_t white_space_begin(std::string_view text, std::size_t end,
                                                   std::size_t limit) {
  while (end > limit) {
    const std::size_t begin = code_point_begin(text, end, limit);
    if (!is_whitespace(decode_utf8(text, begin).code_point)) break;
    end = begin;
  }
  return end;
}

/// End of the white space that begins at `begin`.
[[nodiscard]] inline std::size_t white_space_run_end(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const DecodedCodePoint next = decode_utf8(text, begin);
    if (!is_whitespace(next.code_point)) break;
    begin += next.length;
  }
  return begin;
}

/// Whether no word character (\w) stands next to text[begin, end).
[[nodiscard]] inline bool is_single_word(std::string_view text, std::size_t begin,
                                         std::size_t end) {
  const auto is_word_at = [text](std::size_t at) {
    return is_word_character(decode_utf8(text, at).code_point);
  };
  return (begin == 0 || !is_word_at(code_point_begin(text, begin, 0))) &&
         (end == text.size() || !is_word_at(end));
}

}  // namespace detail

}  // namespace tutti
