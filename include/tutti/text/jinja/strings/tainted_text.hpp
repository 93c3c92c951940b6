// SPDX-License-Identifier: Apache-2.0
#pragma once
// UTF-8 text that remembers which of its bytes came from outside the template, such as the content
// of a message (taint tracking). Slicing and appending keep the flag of every byte.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/byte_range.hpp"

namespace tutti::jinja {

class TaintedText {
 public:
  TaintedText() = default;
  explicit TaintedText(std::string bytes, bool tainted = false) : bytes_(std::move(bytes)) {
    if (tainted && !bytes_.empty()) tainted_.push_back({0, bytes_.size()});
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }

  /// The tainted bytes: sorted, disjoint, never empty and never adjacent.
  [[nodiscard]] std::span<const ByteRange> tainted() const { return tainted_; }

  [[nodiscard]] bool is_tainted(std::size_t at) const {
    const auto range = first_range_after(at);
    return range != tainted_.end() && range->begin <= at;
  }

  void append(std::string_view bytes, bool tainted = false) {
    if (tainted) append_range({bytes_.size(), bytes_.size() + bytes.size()});
    bytes_ += bytes;
  }

  /// Appends the bytes [begin, end) of `other`, which must not be this object.
  void append(const TaintedText& other, std::size_t begin, std::size_t end) {
    for (auto range = other.first_range_after(begin);
         range != other.tainted_.end() && range->begin < end; ++range) {
      append_range({bytes_.size() + std::max(range->begin, begin) - begin,
                    bytes_.size() + std::min(range->end, end) - begin});
    }
    bytes_.append(other.bytes_, begin, end - begin);
  }

  void append(const TaintedText& other) { append(other, 0, other.size()); }

  [[nodiscard]] TaintedText slice(std::size_t begin, std::size_t end) const {
    TaintedText result;
    result.append(*this, begin, end);
    return result;
  }

 private:
  /// The first range that ends after byte `at`.
  [[nodiscard]] std::vector<ByteRange>::const_iterator first_range_after(std::size_t at) const {
    return std::upper_bound(tainted_.begin(), tainted_.end(), at,
                            [](std::size_t a, const ByteRange& range) { return a < range.end; });
  }

  void append_range(ByteRange range) {
    if (range.begin == range.end) return;
    if (!tainted_.empty() && tainted_.back().end == range.begin) {
      tainted_.back().end = range.end;
    } else {
      tainted_.push_back(range);
    }
  }

  std::string bytes_;
  std::vector<ByteRange> tainted_;
};

}  // namespace tutti::jinja
