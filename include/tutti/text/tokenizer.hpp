// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text to tokens and back, as the tokenizer of the model's own files does it. Byte-level BPE only.

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/core/error.hpp"
#include "tutti/core/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf.hpp"
#include "tutti/text/added_tokens.hpp"
#include "tutti/text/byte_alphabet.hpp"
#include "tutti/text/byte_level_bpe.hpp"
#include "tutti/text/pre_tokenizer.hpp"
#include "tutti/text/tokenizer_definition.hpp"
#include "tutti/text/tokenizer_gguf.hpp"
#include "tutti/text/tokenizer_json.hpp"
#include "tutti/text/utf8.hpp"

namespace tutti {

struct EncodeOptions {
  /// Special tokens written out in the text ("<|im_end|>") become their ids. Switch it off for text that a stranger wrote.
  bool parse_special = true;
  /// Add the tokens that the file wants around every text, such as BOS.
  bool add_special = true;
};

/// A value: cheap to move, expensive to copy. Const methods may run in any number of threads.
class Tokenizer {
 public:
  /// Reads a tokenizer.json, or the one in a directory, and tokenizer_config.json and chat_template.jinja beside it if present.
  /// @throws FormatError when a file is malformed or asks for what is not supported, which is named.
  [[nodiscard]] static Tokenizer from_hf(const std::filesystem::path& tokenizer_json) {
    return Tokenizer(read_tokenizer_json(tokenizer_json));
  }

  /// Takes the tokenizer out of a model file. Copies what it needs.
  /// @throws FormatError as from_hf.
  [[nodiscard]] static Tokenizer from_gguf(const GgufFile& file) { return Tokenizer(read_tokenizer_gguf(file)); }

  /// @throws FormatError when the parts do not fit each other.
  explicit Tokenizer(TokenizerDefinition definition)
      : bpe_(make_bpe(definition)),
        special_(definition.tokens.size(), false),
        pre_tokenizer_(definition.pre_tokenizer),
        add_prefix_space_(definition.add_prefix_space),
        prefix_(std::move(definition.prefix)),
        suffix_(std::move(definition.suffix)),
        bos_(definition.bos),
        eos_(definition.eos),
        chat_template_(std::move(definition.chat_template)) {
    std::array<std::vector<AddedToken>, 2> added;
    for (AddedToken& token : definition.added_tokens) {
      require_token(definition.source, "added token " + in_quotes(token.text), token.id);
      special_[static_cast<std::size_t>(token.id)] = token.special;
      added[token.after_normalization ? 1 : 0].push_back(std::move(token));
    }
    added_ = {AddedTokens(std::move(added[0])), AddedTokens(std::move(added[1]))};
    for (const Token token : prefix_) require_token(definition.source, "the token before every text", token);
    for (const Token token : suffix_) require_token(definition.source, "the token behind every text", token);
    if (bos_) require_token(definition.source, "the BOS token", *bos_);
    if (eos_) require_token(definition.source, "the EOS token", *eos_);
  }

  /// Tokens of `text`; what is invalid UTF-8 in it counts as U+FFFD. Bytes that the vocabulary cannot express are dropped or
  /// become the unknown token, as the file says. Time O(n log n) at worst, usually linear.
  [[nodiscard]] std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const {
    std::string repaired;
    if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
    std::vector<Token> tokens;
    if (options.add_special) tokens = prefix_;
    encode_around_added(text, 0, options, tokens);
    if (options.add_special) tokens.insert(tokens.end(), suffix_.begin(), suffix_.end());
    return tokens;
  }

  /// The text of `tokens`, always valid UTF-8: what is not becomes U+FFFD.
  /// @throws OptionError when a token is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const Token> tokens, bool skip_special = true) const {
    std::string bytes;
    for (const Token token : tokens) {
      const std::string_view text = token_bytes(token);
      if (!skip_special || !special_[static_cast<std::size_t>(token)]) bytes += text;
    }
    return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
  }

  /// The bytes that `token` stands for, not always whole UTF-8. The view lives as long as the tokenizer.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] std::string_view token_bytes(Token token) const {
    check(token);
    return bpe_.vocabulary().bytes(token);
  }

  /// The token that stands for exactly these bytes (" the", not "Ġthe"); an added token goes before one of the vocabulary.
  [[nodiscard]] std::optional<Token> find(std::string_view bytes) const {
    for (const AddedTokens& added : added_) {
      if (const AddedToken* token = added.find(bytes)) return token->id;
    }
    return bpe_.vocabulary().find(bytes);
  }

  /// Whether decode hides the token: BOS, end of a turn, and so on.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] bool is_special(Token token) const {
    check(token);
    return special_[static_cast<std::size_t>(token)];
  }

  [[nodiscard]] std::size_t vocabulary_size() const { return bpe_.vocabulary().size(); }
  [[nodiscard]] std::optional<Token> bos() const { return bos_; }
  [[nodiscard]] std::optional<Token> eos() const { return eos_; }
  /// The file's chat template, in Jinja; empty if it has none. See ChatTemplate.
  [[nodiscard]] const std::string& chat_template() const { return chat_template_; }

 private:
  static ByteLevelBpe make_bpe(const TokenizerDefinition& definition) {
    try {
      Vocabulary vocabulary(definition.tokens.size());
      for (const auto& [text, literal] : definition.tokens) {
        const std::optional<std::string> bytes = literal ? std::nullopt : from_byte_alphabet(text);
        vocabulary.add(bytes ? *bytes : text, bytes && !bytes->empty());
      }
      const std::vector<BpeMerge> merges = resolve_merges(definition, vocabulary);
      return {std::move(vocabulary), merges, {definition.ignore_merges, definition.unknown, definition.fuse_unknown}};
    } catch (const Error& error) {
      fail<FormatError>(definition.source, ": ", error.what());
    }
  }

  static std::vector<BpeMerge> resolve_merges(const TokenizerDefinition& definition, const Vocabulary& vocabulary) {
    std::vector<BpeMerge> merges;
    merges.reserve(definition.merges.size());
    for (const TokenizerDefinition::Merge& merge : definition.merges) {
      const auto resolve = [&](const std::string& text) {
        const std::optional<std::string> bytes = from_byte_alphabet(text);
        const std::optional<Token> token = bytes ? vocabulary.find(*bytes) : std::nullopt;
        require<FormatError>(token.has_value(), "merge ", merges.size(), ", ", in_quotes(merge.left), " with ", in_quotes(merge.right),
                             ", names ", in_quotes(text), ", which is not among the ", vocabulary.size(), " tokens");
        return *token;
      };
      merges.push_back({resolve(merge.left), resolve(merge.right), resolve(merge.left + merge.right)});
    }
    return merges;
  }

  void require_token(const std::string& source, const std::string& what, Token token) const {
    require<FormatError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_size(), source, ": ", what, " has id ", token,
                         ", but the vocabulary has ", vocabulary_size(), " tokens");
  }

  void check(Token token) const {
    require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_size(), "token ", token,
                         " is not in the vocabulary of ", vocabulary_size(), " tokens; was it drawn for another model?");
  }

  /// Looks for the added tokens of `stage` and hands what lies between them to the next stage, at last to the merges.
  void encode_around_added(std::string_view text, std::size_t stage, EncodeOptions options, std::vector<Token>& tokens) const {
    if (stage == added_.size()) return encode_plain(text, tokens);
    std::size_t done = 0;
    std::size_t search_from = 0;
    while (const auto match = added_[stage].find_next(text, search_from)) {
      search_from = match->end;
      if (match->token->special && !options.parse_special) continue;
      const std::size_t begin = match->token->strip_left ? detail::white_space_begin(text, match->begin, done) : match->begin;
      encode_around_added(text.substr(done, begin - done), stage + 1, options, tokens);
      tokens.push_back(match->token->id);
      done = search_from = match->token->strip_right ? detail::white_space_run_end(text, match->end) : match->end;
    }
    encode_around_added(text.substr(done), stage + 1, options, tokens);
  }

  void encode_plain(std::string_view text, std::vector<Token>& tokens) const {
    std::string spaced;
    if (add_prefix_space_ && !text.empty() && text.front() != ' ') {
      spaced.reserve(text.size() + 1);
      text = (spaced += ' ') += text;
    }
    for_each_piece(text, pre_tokenizer_, [&](std::string_view piece) { bpe_.encode(piece, tokens); });
  }

  ByteLevelBpe bpe_;
  std::array<AddedTokens, 2> added_;  // looked for before normalisation, and after it
  std::vector<bool> special_;         // by token
  PreTokenizer pre_tokenizer_;
  bool add_prefix_space_;
  std::vector<Token> prefix_;
  std::vector<Token> suffix_;
  std::optional<Token> bos_;
  std::optional<Token> eos_;
  std::string chat_template_;
};

}  // namespace tutti
