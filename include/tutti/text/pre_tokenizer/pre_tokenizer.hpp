// SPDX-License-Identifier: Apache-2.0
#pragma once
// Pre-tokenizers cut a text into pieces; no token crosses a cut. The regular expressions of the
// common byte-level tokenizers are implemented by hand: no regex engine, one pass, time linear in
// the length of the text.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tutti/text/pre_tokenizer/piece_visitor.hpp"
#include "tutti/text/unicode/unicode_categories.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

/// The built-in pre-tokenizers. The alternatives of each pattern are tried from left to right.
enum class PreTokenizer : std::uint8_t {
  /// ``'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+``
  gpt2,
  /// ``(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}`` followed by
  /// ``| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``
  llama3,
  qwen2,   ///< As llama3, but each digit is a piece: `\p{N}` instead of `\p{N}{1,3}`.
  smollm,  ///< Each digit is a piece; the text between digits is cut as by gpt2.
};

namespace detail {

/// A text as code points with their classes.
class ClassifiedText {
 public:
  struct CodePoint {
    char32_t value = 0;
    std::uint32_t length = 0;  ///< Bytes; 0 at the end of the text.
    CharacterClass character_class = CharacterClass::other;

    [[nodiscard]] bool is(CharacterClass wanted) const {
      return length > 0 && character_class == wanted;
    }
    [[nodiscard]] bool is_newline() const { return value == U'\r' || value == U'\n'; }
  };

  explicit ClassifiedText(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view text() const { return text_; }

  [[nodiscard]] CodePoint at(std::size_t begin) const {
    if (begin >= text_.size()) return {};
    const DecodedCodePoint decoded = decode_utf8(text_, begin);
    return {decoded.code_point, decoded.length, tutti::character_class(decoded.code_point)};
  }

  /// End of the run of `wanted` code points that begins at `begin`, `limit` of them at most.
  [[nodiscard]] std::size_t run_end(std::size_t begin, CharacterClass wanted,
                                    std::size_t limit = std::string_view::npos) const {
    for (; limit > 0; --limit) {
      const CodePoint next = at(begin);
      if (!next.is(wanted)) break;
      begin += next.length;
    }
    return begin;
  }

 private:
  std::string_view text_;
};

/// End of 's|'t|'re|'ve|'m|'ll|'d at `begin`, or `begin`. `any_case` matches as (?i:...) does:
/// U+017F (long s) folds to s.
[[nodiscard]] inline std::size_t contraction_end(std::string_view text, std::size_t begin,
                                                 bool any_case) {
  const auto letter = [&](std::size_t at) {
    const char c = at < text.size() ? text[at] : '\0';
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  if (text[begin] != '\'') return begin;
  const char first = letter(begin + 1);
  const char second = letter(begin + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
  if (((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l'))
    return begin + 3;
  constexpr std::string_view kLongS = "\xC5\xBF";
  if (any_case && text.substr(begin + 1, kLongS.size()) == kLongS) return begin + 1 + kLongS.size();
  return begin;
}

/// End of \s+(?!\S)|\s+ at `begin`: a run of white space leaves its last code point to the word
/// that follows, unless it has only one.
[[nodiscard]] inline std::size_t white_space_end(const ClassifiedText& text, std::size_t begin) {
  std::size_t last = begin;
  std::size_t end = begin;
  for (auto next = text.at(end); next.is(CharacterClass::white_space); next = text.at(end)) {
    last = end;
    end += next.length;
  }
  return end == text.text().size() || last == begin ? end : last;
}

[[nodiscard]] inline std::size_t gpt2_piece_end(const ClassifiedText& text, std::size_t begin) {
  if (const std::size_t end = contraction_end(text.text(), begin, false); end != begin) return end;
  const std::size_t body = text.text()[begin] == ' ' ? begin + 1 : begin;
  const auto head = text.at(body);
  if (head.length == 0 || head.is(CharacterClass::white_space)) return white_space_end(text, begin);
  return text.run_end(body + head.length, head.character_class);
}

/// `max_numbers` = 3 for Llama 3, 1 for Qwen2.
[[nodiscard]] inline std::size_t llama3_piece_end(const ClassifiedText& text, std::size_t begin,
                                                  std::size_t max_numbers) {
  if (const std::size_t end = contraction_end(text.text(), begin, true); end != begin) return end;
  const auto first = text.at(begin);
  if (first.is(CharacterClass::number))
    return text.run_end(begin, CharacterClass::number, max_numbers);
  const std::size_t second = begin + first.length;
  if (first.is(CharacterClass::letter) ||
      (!first.is_newline() && text.at(second).is(CharacterClass::letter))) {
    return text.run_end(second, CharacterClass::letter);
  }
  const std::size_t symbols = first.value == U' ' ? second : begin;
  if (text.at(symbols).is(CharacterClass::other)) {
    std::size_t end = text.run_end(symbols, CharacterClass::other);
    while (text.at(end).is_newline()) ++end;
    return end;
  }
  // White space from here on. \s*[\r\n]+ is greedy: it ends after the last newline of the run.
  std::size_t newline_end = begin;
  std::size_t end = begin;
  for (auto next = text.at(end); next.is(CharacterClass::white_space); next = text.at(end)) {
    end += next.length;
    if (next.is_newline()) newline_end = end;
  }
  return newline_end != begin ? newline_end : white_space_end(text, begin);
}

/// `piece_end(text, begin)` returns the end of the piece that begins at `begin`.
inline void visit_pieces(std::string_view text,
                         std::size_t (*piece_end)(const ClassifiedText&, std::size_t),
                         PieceVisitor visit) {
  const ClassifiedText classified(text);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = piece_end(classified, begin);
    visit(text.substr(begin, end - begin));
    begin = end;
  }
}

/// As the Digits pre-tokenizer of tokenizers, which uses Rust's char::is_numeric: a newer version
/// of Unicode than that of the patterns.
[[nodiscard]] inline bool is_single_digit(const ClassifiedText::CodePoint& c) {
  return c.is(CharacterClass::number) ||
         (c.value >= kNewerDigitRanges.front().first && in_ranges(kNewerDigitRanges, c.value));
}

inline void visit_smollm_pieces(std::string_view text, PieceVisitor visit) {
  const ClassifiedText classified(text);
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t digit = begin;
    auto next = classified.at(digit);
    while (next.length > 0 && !is_single_digit(next)) {
      digit += next.length;
      next = classified.at(digit);
    }
    visit_pieces(text.substr(begin, digit - begin), gpt2_piece_end, visit);
    if (next.length > 0) visit(text.substr(digit, next.length));
    begin = digit + next.length;
  }
}

}  // namespace detail

/// Calls `visit` for the pieces of `text` in order. No piece is empty; concatenated they are
/// `text`. Invalid UTF-8 is cut as U+FFFD would be.
inline void for_each_piece(std::string_view text, PreTokenizer kind, PieceVisitor visit) {
  using detail::ClassifiedText;
  switch (kind) {
    case PreTokenizer::gpt2: return detail::visit_pieces(text, detail::gpt2_piece_end, visit);
    case PreTokenizer::llama3:
      return detail::visit_pieces(
          text,
          [](const ClassifiedText& t, std::size_t begin) {
            return detail::llama3_piece_end(t, begin, 3);
          },
          visit);
    case PreTokenizer::qwen2:
      return detail::visit_pieces(
          text,
          [](const ClassifiedText& t, std::size_t begin) {
            return detail::llama3_piece_end(t, begin, 1);
          },
          visit);
    case PreTokenizer::smollm: return detail::visit_smollm_pieces(text, visit);
  }
}

/// The pieces of `text`, as views into it.
[[nodiscard]] inline std::vector<std::string_view> split(std::string_view text, PreTokenizer kind) {
  std::vector<std::string_view> pieces;
  for_each_piece(text, kind, [&pieces](std::string_view piece) { pieces.push_back(piece); });
  return pieces;
}

}  // namespace tutti
