// SPDX-License-Identifier: Apache-2.0
#pragma once
// The tokens of a tokenizer: id -> bytes and bytes -> id, in three flat arrays (no allocation per
// token).

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"

namespace tutti {

/// Tokens 0 to size() - 1. Copyable. Views that `bytes` returns are valid until this object is
/// changed or moved from.
class Vocabulary {
 public:
  /// @param expected_tokens initial size of the hash table; more tokens can be added.
  explicit Vocabulary(std::size_t expected_tokens = 0)
      : slots_(std::bit_ceil(2 * expected_tokens + 2), kEmpty) {
    offsets_.reserve(expected_tokens + 1);
  }

  /// Adds the next token. Only a `findable` one is found by its bytes; others may have the bytes of
  /// a findable one.
  /// @throws FormatError when two findable tokens have the same bytes, or when the vocabulary
  /// exceeds 32 bits.
  void add(std::string_view bytes, bool findable) {
    const std::size_t id = size();
    require<FormatError>(
        bytes.size() <= std::numeric_limits<std::uint32_t>::max() - arena_.size() &&
            id < static_cast<std::size_t>(std::numeric_limits<Token>::max()),
        "vocabulary too large: token ", id, " after ", arena_.size(),
        " bytes of tokens; both numbers must fit 32 bits");
    if (findable && 2 * (findable_tokens_ + 1) > slots_.size()) grow();
    if (findable) {
      Token& slot = slots_[slot_of(bytes)];
      require<FormatError>(slot == kEmpty, "tokens ", slot, " and ", id,
                           " have the same text; each text must occur once");
      slot = static_cast<Token>(id);
      ++findable_tokens_;
    }
    arena_ += bytes;
    offsets_.push_back(static_cast<std::uint32_t>(arena_.size()));
  }

  [[nodiscard]] std::size_t size() const { return offsets_.size() - 1; }

  /// Precondition: 0 <= token < size().
  [[nodiscard]] std::string_view bytes(Token token) const {
    const auto i = static_cast<std::size_t>(token);
    return std::string_view(arena_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }

  [[nodiscard]] std::optional<Token> find(std::string_view bytes) const {
    const Token token = slots_[slot_of(bytes)];
    return token == kEmpty ? std::nullopt : std::optional(token);
  }

 private:
  static constexpr Token kEmpty = -1;

  /// The slot that holds `bytes`, or the empty slot for them. Linear probing; at least half of the
  /// slots are empty.
  [[nodiscard]] std::size_t slot_of(std::string_view bytes) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = std::hash<std::string_view>{}(bytes)&mask;
    while (slots_[slot] != kEmpty && this->bytes(slots_[slot]) != bytes) slot = (slot + 1) & mask;
    return slot;
  }

  void grow() {
    const std::vector<Token> old = std::exchange(slots_,
                                                 std::vector<Token>(2 * slots_.size(), kEmpty));
    for (const Token token : old) {
      if (token != kEmpty) slots_[slot_of(bytes(token))] = token;
    }
  }

  std::string arena_;                      // the bytes of all tokens, concatenated
  std::vector<std::uint32_t> offsets_{0};  // token i is arena_[offsets_[i], offsets_[i + 1])
  std::vector<Token> slots_;               // hash table of the findable tokens
  std::size_t findable_tokens_ = 0;
};

}  // namespace tutti
