// SPDX-License-Identifier: Apache-2.0
#pragma once
// Turns drawn tokens into text that may be shown: whole UTF-8 only, ended before a stop string, and
// nothing given out that could still turn out to be the beginning of one.

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

  /// Appends the bytes of one token; returns the text that has become certain. After a stop string
  /// nothing more is taken.
  std::string_view push(std::string_view bytes) {
    if (stopped_) return {};
    pending_ += bytes;
    const std::size_t whole = complete_prefix_length(pending_);
    const std::size_t old_size = text_.size();
    text_ += replace_invalid_utf8(std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
    cut_at_stop_string(old_size);
    return release(stopped_ ? text_.size() : text_.size() - held_back());
  }

  /// Ends the text: what was held back is certain now, and an incomplete code point becomes U+FFFD.
  std::string_view finish() {
    if (!stopped_) text_ += replace_invalid_utf8(std::exchange(pending_, {}));
    return release(text_.size());
  }

  /// Whether a stop string has appeared.
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// All text up to here; complete after finish().
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

  /// Length of the longest end of the text that begins a stop string.
  [[nodiscard]] std::size_t held_back() const {
    std::size_t longest = 0;
    for (const std::string& stop : stop_strings_) {
      for (std::size_t length = std::min(stop.size() - 1, text_.size()); length > longest;
           --length) {
        if (text_.ends_with(std::string_view(stop).substr(0, length))) longest = length;
      }
    }
    return longest;
  }

  std::string_view release(std::size_t end) {
    // Text that was given out is never taken back: a stop string cannot begin in it, because its
    // beginning was held back.
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
