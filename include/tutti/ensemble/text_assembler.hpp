// SPDX-License-Identifier: Apache-2.0
#pragma once
// Assembles the bytes of tokens into text that can be streamed: complete UTF-8 only, cut before a
// stop string, and holding back whatever may still become one.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

class TextAssembler {
 public:
  /// The stop strings must outlive the assembler.
  explicit TextAssembler(std::span<const std::string> stop_strings) : stop_strings_(stop_strings) {}

  /// Appends the bytes of one token; returns the new text that can no longer change. No effect
  /// after a stop string.
  std::string_view append_bytes(std::string_view bytes) {
    if (stopped_) return {};
    pending_ += bytes;
    const std::size_t whole = complete_prefix_length(pending_);
    const std::size_t old_size = text_.size();
    text_ += replace_invalid_utf8(std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
    cut_at_stop_string(old_size);
    return release_up_to(stopped_ ? text_.size() : text_.size() - held_back_length());
  }

  /// Ends the text and returns the part that was held back; an incomplete code point becomes
  /// U+FFFD.
  std::string_view finish_text() {
    if (!stopped_) text_ += replace_invalid_utf8(std::exchange(pending_, {}));
    return release_up_to(text_.size());
  }

  /// Whether a stop string has appeared.
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// All text so far; complete after finish_text().
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void cut_at_stop_string(std::size_t old_size) {
    std::size_t first = std::string::npos;
    for (const std::string& stop : stop_strings_) {
      const std::size_t from = old_size >= stop.size() ? old_size - stop.size() + 1 : 0;
      first = std::min(first, text_.find(stop, from));
    }
    if (first == std::string::npos) return;
    text_.resize(first);
    stopped_ = true;
  }

  /// Length of the longest suffix of the text that is a prefix of a stop string.
  [[nodiscard]] std::size_t held_back_length() const {
    std::size_t longest = 0;
    for (const std::string& stop : stop_strings_) {
      for (std::size_t length = std::min(stop.size() - 1, text_.size()); length > longest;
           --length) {
        if (text_.ends_with(std::string_view(stop).substr(0, length))) longest = length;
      }
    }
    return longest;
  }

  /// The text from the end of what has been released to `end`.
  std::string_view release_up_to(std::size_t end) {
    // Released text never changes: no stop string can begin in it, because every possible beginning
    // of one was held back.
    const std::size_t begin = std::exchange(released_, std::max(released_, end));
    return std::string_view(text_).substr(begin, released_ - begin);
  }

  std::span<const std::string> stop_strings_;
  std::string pending_;
  std::string text_;
  std::size_t released_ = 0;
  bool stopped_ = false;
};

}  // namespace tutti
