// SPDX-License-Identifier: Apache-2.0
#pragma once
// A set of Unicode scalar values: code points without surrogates, which UTF-8 cannot encode.

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>
#include <vector>

namespace tutti::grammar {

/// Sorted disjoint ranges, both ends included.
class CodePointSet {
 public:
  struct Range {
    char32_t first = 0;
    char32_t last = 0;
  };

  static constexpr char32_t kLast = 0x10FFFF;

  CodePointSet() = default;
  CodePointSet(std::initializer_list<Range> ranges) {
    for (const Range& range : ranges) ranges_.push_back(range);
    normalize();
  }
  explicit CodePointSet(std::vector<Range> ranges) : ranges_(std::move(ranges)) { normalize(); }

  [[nodiscard]] static CodePointSet all() { return CodePointSet{{0, kLast}}; }

  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
  [[nodiscard]] bool empty() const { return ranges_.empty(); }

  [[nodiscard]] bool contains(char32_t code_point) const {
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), code_point,
        [](char32_t c, const Range& range) { return c < range.first; });
    return after != ranges_.begin() && code_point <= std::prev(after)->last;
  }

  [[nodiscard]] CodePointSet complement() const {
    std::vector<Range> rest;
    char32_t next = 0;
    for (const Range& range : ranges_) {
      if (next < range.first) rest.push_back({next, range.first - 1});
      next = range.last + 1;
    }
    if (next <= kLast) rest.push_back({next, kLast});
    return CodePointSet(std::move(rest));
  }

  [[nodiscard]] CodePointSet united(const CodePointSet& other) const {
    std::vector<Range> ranges = ranges_;
    ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
    return CodePointSet(std::move(ranges));
  }

  [[nodiscard]] CodePointSet without(const CodePointSet& other) const {
    return complement().united(other).complement();
  }

 private:
  /// Sorts and merges the ranges, and removes the surrogates.
  void normalize() {
    constexpr char32_t kBefore = 0xD7FF;  // the surrogates are D800 to DFFF
    constexpr char32_t kAfter = 0xE000;
    std::vector<Range> parts;
    for (const Range& range : ranges_) {
      if (range.first <= kBefore) parts.push_back({range.first, std::min(range.last, kBefore)});
      if (range.last >= kAfter) parts.push_back({std::max(range.first, kAfter), range.last});
    }
    std::sort(parts.begin(), parts.end(),
              [](const Range& a, const Range& b) { return a.first < b.first; });
    ranges_.clear();
    for (const Range& part : parts) {
      const bool joins = !ranges_.empty() && part.first <= ranges_.back().last + 1;
      if (joins) {
        ranges_.back().last = std::max(ranges_.back().last, part.last);
      } else {
        ranges_.push_back(part);
      }
    }
  }

  std::vector<Range> ranges_;
};

}  // namespace tutti::grammar
