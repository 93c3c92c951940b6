// SPDX-License-Identifier: Apache-2.0
#pragma once
// Translates the regular expressions of NamePattern into programs for its matcher.

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace tutti::detail {

using CharacterSet = std::bitset<256>;

/// One step of a compiled pattern. Reaching the end of the program is a match.
struct PatternStep {
  enum class Kind : std::uint8_t {
    consume,   ///< matches one character of `accepted`, continues at the next step
    fork,      ///< continues at `first` and at `second`, both relative to this step
    at_begin,  ///< continues at the next step at the beginning of the name only
    at_end     ///< continues at the next step at the end of the name only
  };
  Kind kind;
  std::int16_t first = 1;  // 16 bits: a file may have many patterns, with up to one and a half
                           // steps per character
  std::int16_t second = 1;
  CharacterSet accepted = {};
};
using PatternProgram = std::vector<PatternStep>;

/// Translates a pattern of at most 4096 bytes by recursive descent; `sound_` becomes false on
/// unknown syntax.
class PatternCompiler {
 public:
  explicit PatternCompiler(std::string_view text) : text_(text) {}

  std::optional<PatternProgram> compile() {
    PatternProgram program = alternatives();
    program.shrink_to_fit();
    return sound_ && text_.empty() ? std::optional(std::move(program)) : std::nullopt;
  }

 private:
  using Kind = PatternStep::Kind;

  bool skip(std::string_view token) {
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }

  PatternProgram unsupported() {
    sound_ = false;
    return {};
  }

  static PatternProgram fork(std::size_t first, std::size_t second) {
    return {PatternStep{Kind::fork, static_cast<std::int16_t>(first),
                        static_cast<std::int16_t>(second)}};
  }
  static void append(PatternProgram& program, const PatternProgram& tail) {
    program.insert(program.end(), tail.begin(), tail.end());
  }

  PatternProgram alternatives() {
    PatternProgram program = sequence();
    while (sound_ && skip("|")) {
      const PatternProgram other = sequence();
      PatternProgram either = fork(1, program.size() + 2);
      append(either, program);
      append(either, fork(other.size() + 1, other.size() + 1));
      append(either, other);
      program = std::move(either);
    }
    return program;
  }

  PatternProgram sequence() {
    PatternProgram program;
    while (sound_ && !text_.empty() && text_.front() != '|' && text_.front() != ')')
      append(program, repeated());
    return program;
  }

  PatternProgram repeated() {
    const PatternProgram once = atom();
    const auto back = static_cast<std::int16_t>(-static_cast<int>(once.size()));
    const auto back_to_fork = static_cast<std::int16_t>(back - 1);
    PatternProgram program = once;
    if (skip("*")) {
      program = fork(1, once.size() + 2);
      append(program, once);
      program.push_back({Kind::fork, back_to_fork, back_to_fork});
    } else if (skip("+")) {
      program.push_back({Kind::fork, back, 1});
    } else if (skip("?")) {
      program = fork(1, once.size() + 1);
      append(program, once);
    } else {
      return program;
    }
    skip("?");  // a lazy repetition matches the same names
    return program;
  }

  PatternProgram atom() {
    if (skip("(")) {
      if (text_.starts_with("?") && !skip("?:")) return unsupported();
      PatternProgram group = alternatives();
      return skip(")") ? group : unsupported();
    }
    if (skip("^")) return {PatternStep{Kind::at_begin}};
    if (skip("$")) return {PatternStep{Kind::at_end}};
    if (skip("[")) return one_of(character_class());
    if (skip(".")) return one_of(~CharacterSet().set('\n'));
    if (text_.find_first_of("*+?{}]") == 0) return unsupported();
    return one_of(character());
  }

  static PatternProgram one_of(const CharacterSet& accepted) {
    return {PatternStep{Kind::consume, 1, 1, accepted}};
  }

  /// A literal character or an escape; inside and outside of brackets.
  CharacterSet character() {
    CharacterSet set;
    if (skip("\\")) {
      if (skip("d")) return range('0', '9');
      if (skip("w")) return range('0', '9') | range('a', 'z') | range('A', 'Z') | set.set('_');
      if (skip("s")) return range('\t', '\r') | set.set(' ');
      // Other letters and digits after a backslash have meanings of their own.
      if (!text_.empty() &&
          (range('0', '9') | range('a', 'z') | range('A', 'Z'))[index(text_.front())])
        sound_ = false;
    }
    if (text_.empty() || index(text_.front()) >= 0x80) {
      sound_ = false;
      return set;
    }
    set.set(index(text_.front()));
    text_.remove_prefix(1);
    return set;
  }

  /// The contents of a bracket expression.
  CharacterSet character_class() {
    const bool is_negated = skip("^");
    CharacterSet set;
    bool is_first = true;
    while (sound_ && (is_first || !text_.starts_with("]"))) {
      is_first = false;
      const CharacterSet low = character();
      CharacterSet high = low;
      if (text_.size() > 1 && text_.front() == '-' && text_[1] != ']') {
        skip("-");
        high = character();
        if (low.count() != 1 || high.count() != 1 || first_of(low) > first_of(high)) sound_ = false;
        if (sound_) set |= range(first_of(low), first_of(high));
      }
      set |= low | high;
    }
    skip("]");
    return is_negated ? ~set : set;
  }

  static std::size_t index(char c) { return static_cast<unsigned char>(c); }
  static std::size_t first_of(const CharacterSet& set) {
    std::size_t i = 0;
    while (!set[i]) ++i;
    return i;
  }
  static CharacterSet range(std::size_t first, std::size_t last) {
    CharacterSet set;
    for (std::size_t c = first; c <= last; ++c) set.set(c);
    return set;
  }

  std::string_view text_;  // the rest of the pattern
  bool sound_ = true;
};

}  // namespace tutti::detail
