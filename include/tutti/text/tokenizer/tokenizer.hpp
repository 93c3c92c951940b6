// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text to tokens and back, as the tokenizer in the model's files does it: byte-level BPE and
// SentencePiece's BPE.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/byte_range.hpp"
#include "tutti/text/tokenizer/named_token.hpp"

namespace tutti {

class GgufFile;              // formats/gguf/gguf_file.hpp
struct TokenizerDefinition;  // text/tokenizer/tokenizer_definition.hpp

struct EncodeOptions {
  /// Special tokens that occur in the text ("<|im_end|>") become their ids. Set it to false for
  /// untrusted text.
  bool parse_special = true;
  /// Add the tokens that the file puts around every text, such as BOS.
  bool add_special = true;
};

/// Immutable; copies share their data. Const methods may run in any number of threads.
class Tokenizer {
 public:
  /// Reads a tokenizer.json, or the one in a directory, with the files beside it that complete it:
  /// see read_tokenizer_json.
  /// @throws FormatError when a file is malformed or uses something that is not supported, which
  /// the message names.
  [[nodiscard]] static Tokenizer from_hf(const std::filesystem::path& tokenizer_json);

  /// Reads the tokenizer of a model file. Nothing refers to `file` afterwards.
  /// @throws FormatError as from_hf.
  [[nodiscard]] static Tokenizer from_gguf(const GgufFile& file);

  /// @throws FormatError when the parts do not fit each other.
  explicit Tokenizer(TokenizerDefinition definition);

  // Moving copies, so that a moved-from object can still be used.
  Tokenizer(const Tokenizer&) = default;
  Tokenizer& operator=(const Tokenizer&) = default;
  ~Tokenizer() = default;

  /// Tokens of `text`; invalid UTF-8 is read as U+FFFD. Characters that the vocabulary cannot
  /// express are dropped or become the unknown token, as the file says. Time O(n log n) at worst,
  /// usually linear.
  [[nodiscard]] std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const;

  /// As encode, for a text with untrusted parts: a special token is not found where it overlaps one
  /// of them. Added tokens that are not special are found everywhere.
  /// @param untrusted sorted and disjoint.
  /// @throws OptionError when the text is not UTF-8.
  [[nodiscard]] std::vector<Token> encode_partly_trusted(std::string_view text,
                                                         std::span<const ByteRange> untrusted,
                                                         EncodeOptions options = {}) const;

  /// The text of `tokens`, always valid UTF-8. Invalid bytes become U+FFFD as in the tokenizer's
  /// own library: one for each maximal subpart of an invalid sequence (byte-level models), one for
  /// every byte of a run of byte tokens that is not UTF-8 (ByteFallback), one for every invalid
  /// byte (SentencePiece models in GGUF). Streamed text (TextAssembler) has the first form always.
  /// A tokenizer that puts a space before every text removes it here.
  /// @throws OptionError when a token is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const Token> tokens, bool skip_special = true) const;

  /// The bytes that `token` is decoded to, not always whole UTF-8. The view lives as long as the
  /// tokenizer and its copies.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] std::string_view token_bytes(Token token) const;

  /// The added token with this text, else the token that is decoded to these bytes (" the", not
  /// "Ġthe").
  [[nodiscard]] std::optional<Token> find(std::string_view bytes) const;

  /// Whether decode skips the token: BOS, end of turn, and so on.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] bool is_special(Token token) const;

  [[nodiscard]] std::size_t vocabulary_size() const;
  [[nodiscard]] std::optional<Token> bos() const;
  [[nodiscard]] std::optional<Token> eos() const;
  /// Tokens that end a text: EOS, those that the files name beside it (GGUF's end of turn and end
  /// of message), and the end markers of the common chat formats if they are special tokens.
  [[nodiscard]] const std::vector<Token>& end_tokens() const;
  /// The tokens that the files name by their role, each role once.
  [[nodiscard]] const std::vector<NamedToken>& named_tokens() const;
  /// The chat template of the files, in Jinja; empty if there is none. See ChatTemplate.
  [[nodiscard]] const std::string& chat_template() const;

 private:
  class Parts;

  std::shared_ptr<const Parts> parts_;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/tokenizer/tokenizer-inl.hpp"
#endif
