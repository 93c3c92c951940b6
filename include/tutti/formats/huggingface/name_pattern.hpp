// SPDX-License-Identifier: Apache-2.0
#pragma once
// The regular expressions by which adapter configurations select modules. They are untrusted input,
// so matching must not backtrack: all alternatives advance together, in time O(|pattern| |name|)
// (R. Cox, "Regular Expression Matching Can Be Simple And Fast", 2007). std::regex can take
// exponential time or overflow the stack.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/huggingface/detail/pattern_compiler.hpp"

namespace tutti {

/// A compiled pattern of Python's syntax: literals, dots, brackets, ``\d \w \s``, groups,
/// alternatives, repetitions (lazy or not), and the anchors of start and end.
class NamePattern {
 public:
  /// Longer patterns are not compiled.
  static constexpr std::size_t kMaxLength = 256;

  /// Nothing when `text` is no valid pattern or uses other syntax (look-around, back-references,
  /// counts, flags).
  [[nodiscard]] static std::optional<NamePattern> compile(std::string_view text) {
    if (text.size() > kMaxLength) return std::nullopt;
    std::optional<detail::PatternProgram> program = detail::PatternCompiler(text).compile();
    return program ? std::optional(NamePattern(*std::move(program))) : std::nullopt;
  }

  /// Whether the whole of `name` matches, as Python's re.fullmatch.
  [[nodiscard]] bool matches(std::string_view name) const {
    std::vector<std::size_t> active = reach({0}, true, name.empty());
    for (std::size_t i = 0; i < name.size() && !active.empty(); ++i) {
      std::vector<std::size_t> next;
      for (const std::size_t at : active) {
        if (at < program_.size() && program_[at].accepted[static_cast<unsigned char>(name[i])])
          next.push_back(at + 1);
      }
      active = reach(std::move(next), false, i + 1 == name.size());
    }
    return std::find(active.begin(), active.end(), program_.size()) != active.end();
  }

 private:
  explicit NamePattern(detail::PatternProgram program) : program_(std::move(program)) {}

  /// The consuming steps, and the end, that are reachable from `open` without consuming a
  /// character.
  [[nodiscard]] std::vector<std::size_t> reach(std::vector<std::size_t> open, bool at_begin,
                                               bool at_end) const {
    using Kind = detail::PatternStep::Kind;
    std::vector<bool> seen(program_.size() + 1);
    std::vector<std::size_t> reached;
    while (!open.empty()) {
      const std::size_t at = open.back();
      open.pop_back();
      if (seen[at]) continue;
      seen[at] = true;
      if (at == program_.size() || program_[at].kind == Kind::consume) {
        reached.push_back(at);
        continue;
      }
      const detail::PatternStep& step = program_[at];
      if ((step.kind == Kind::at_begin && !at_begin) || (step.kind == Kind::at_end && !at_end))
        continue;
      const auto here = static_cast<std::ptrdiff_t>(at);
      open.push_back(static_cast<std::size_t>(here + step.first));
      open.push_back(static_cast<std::size_t>(here + step.second));
    }
    return reached;
  }

  detail::PatternProgram program_;
};

}  // namespace tutti
