// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text to tokens and back, as the tokenizer of the model's own files does it: byte-level BPE and
// SentencePiece's BPE.

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/bpe/vocabulary.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/added_tokens.hpp"
#include "tutti/text/tokenizer/detail/make_tokenizer_model.hpp"
#include "tutti/text/tokenizer/normalizer.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"
#include "tutti/text/tokenizer/tokenizer_gguf.hpp"
#include "tutti/text/tokenizer/tokenizer_json.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti {

struct EncodeOptions {
  /// Special tokens written out in the text ("<|im_end|>") become their ids. Switch it off for text
  /// that a stranger wrote.
  bool parse_special = true;
  /// Add the tokens that the file wants around every text, such as BOS.
  bool add_special = true;
};

/// A value: cheap to move, expensive to copy. Const methods may run in any number of threads.
class Tokenizer {
 public:
  /// Reads a tokenizer.json, or the one in a directory, and tokenizer_config.json and
  /// chat_template.jinja beside it if present.
  /// @throws FormatError when a file is malformed or asks for what is not supported, which is
  /// named.
  [[nodiscard]] static Tokenizer from_hf(const std::filesystem::path& tokenizer_json) {
    return Tokenizer(read_tokenizer_json(tokenizer_json));
  }

  /// Takes the tokenizer out of a model file. Copies what it needs.
  /// @throws FormatError as from_hf.
  [[nodiscard]] static Tokenizer from_gguf(const GgufFile& file) {
    return Tokenizer(read_tokenizer_gguf(file));
  }

  /// @throws FormatError when the parts do not fit each other.
  explicit Tokenizer(TokenizerDefinition definition)
      : model_(detail::make_tokenizer_model(definition)),
        texts_(detail::make_token_texts(definition)),
        special_(definition.tokens.size(), false),
        normalizer_(std::move(definition.normalizer)),
        pre_tokenizer_(detail::make_pre_tokenizer(definition)),
        leading_spaces_(definition.decoder_strips_spaces),
        prefix_(std::move(definition.prefix)),
        suffix_(std::move(definition.suffix)),
        bos_(definition.bos),
        eos_(definition.eos),
        chat_template_(std::move(definition.chat_template)) {
    std::array<std::vector<AddedToken>, 2> added;
    for (AddedToken& token : definition.added_tokens) {
      require_token(definition.source, "added token " + in_quotes(token.text), token.id);
      special_[static_cast<std::size_t>(token.id)] = token.special;
      if (token.after_normalization) token.text = normalizer_(std::move(token.text));
      added[token.after_normalization ? 1 : 0].push_back(std::move(token));
    }
    added_ = {AddedTokens(std::move(added[0])), AddedTokens(std::move(added[1]))};
    for (const Token token : prefix_)
      require_token(definition.source, "the token before every text", token);
    for (const Token token : suffix_)
      require_token(definition.source, "the token behind every text", token);
    if (bos_) require_token(definition.source, "the BOS token", *bos_);
    if (eos_) require_token(definition.source, "the EOS token", *eos_);
  }

  /// Tokens of `text`; what is invalid UTF-8 in it counts as U+FFFD. What the vocabulary cannot
  /// express is dropped or becomes the unknown token, as the file says. Time O(n log n) at worst,
  /// usually linear.
  [[nodiscard]] std::vector<Token> encode(std::string_view text, EncodeOptions options = {}) const {
    std::string repaired;
    if (!is_valid_utf8(text)) text = repaired = replace_invalid_utf8(text);
    std::vector<Token> tokens;
    if (options.add_special) tokens = prefix_;
    encode_around_added(text, 0, true, options, tokens);
    if (options.add_special) tokens.insert(tokens.end(), suffix_.begin(), suffix_.end());
    return tokens;
  }

  /// The text of `tokens`, always valid UTF-8: what is not becomes U+FFFD. A tokenizer that puts a
  /// space before every text takes it away again here.
  /// @throws OptionError when a token is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const Token> tokens, bool skip_special = true) const {
    std::string bytes;
    for (const Token token : tokens) {
      const std::string_view text = token_bytes(token);
      if (!skip_special || !special_[static_cast<std::size_t>(token)]) bytes += text;
    }
    std::size_t spaces = 0;
    while (spaces < leading_spaces_ && spaces < bytes.size() && bytes[spaces] == ' ') ++spaces;
    bytes.erase(0, spaces);
    return is_valid_utf8(bytes) ? bytes : replace_invalid_utf8(bytes);
  }

  /// The bytes that `token` stands for, not always whole UTF-8. The view lives as long as the
  /// tokenizer.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] std::string_view token_bytes(Token token) const {
    check(token);
    return texts().bytes(token);
  }

  /// The token that stands for exactly these bytes (" the", not "Ġthe"); an added token goes before
  /// one of the vocabulary.
  [[nodiscard]] std::optional<Token> find(std::string_view bytes) const {
    for (const AddedTokens& added : added_) {
      if (const AddedToken* token = added.find(bytes)) return token->id;
    }
    return texts().find(bytes);
  }

  /// Whether decode hides the token: BOS, end of a turn, and so on.
  /// @throws OptionError when the token is not in the vocabulary.
  [[nodiscard]] bool is_special(Token token) const {
    check(token);
    return special_[static_cast<std::size_t>(token)];
  }

  /// How many spaces at the beginning of a text decode leaves out.
  [[nodiscard]] std::size_t leading_spaces() const { return leading_spaces_; }

  [[nodiscard]] std::size_t vocabulary_size() const { return texts().size(); }
  [[nodiscard]] std::optional<Token> bos() const { return bos_; }
  [[nodiscard]] std::optional<Token> eos() const { return eos_; }
  /// The file's chat template, in Jinja; empty if it has none. See ChatTemplate.
  [[nodiscard]] const std::string& chat_template() const { return chat_template_; }

 private:
  /// What the tokens are decoded to.
  [[nodiscard]] const Vocabulary& texts() const {
    return texts_ ? *texts_ : std::get<ByteLevelBpe>(model_).vocabulary();
  }

  void require_token(const std::string& source, const std::string& what, Token token) const {
    require<FormatError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_size(), source,
                         ": ", what, " has id ", token, ", but the vocabulary has ",
                         vocabulary_size(), " tokens");
  }

  void check(Token token) const {
    require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_size(),
                         "token ", token, " is not in the vocabulary of ", vocabulary_size(),
                         " tokens; was it drawn for another model?");
  }

  /// Looks for the added tokens of `stage` and hands what lies between them to the next stage, at
  /// last to the model. The text is normalized on the way to the second stage.
  void encode_around_added(std::string_view text, std::size_t stage, bool begins_text,
                           EncodeOptions options, std::vector<Token>& tokens) const {
    if (text.empty()) return;
    if (stage == added_.size()) return encode_plain(text, begins_text, tokens);
    std::string normalized;
    if (stage == 1 && !normalizer_.empty()) text = normalized = normalizer_(std::string(text));
    std::size_t done = 0;
    std::size_t search_from = 0;
    while (const auto match = added_[stage].find_next(text, search_from)) {
      search_from = match->end;
      if (match->token->special && !options.parse_special) continue;
      const std::size_t begin = match->token->strip_left
                                    ? detail::white_space_begin(text, match->begin, done)
                                    : match->begin;
      if (begin > done)
        encode_around_added(text.substr(done, begin - done), stage + 1, begins_text && done == 0,
                            options, tokens);
      tokens.push_back(match->token->id);
      // The white space that is taken along may begin another token, which counts nevertheless, as
      // in tokenizers.
      done = match->token->strip_right ? detail::white_space_run_end(text, match->end) : match->end;
    }
    encode_around_added(text.substr(done), stage + 1, begins_text && done == 0, options, tokens);
  }

  void encode_plain(std::string_view text, bool begins_text, std::vector<Token>& tokens) const {
    std::visit(
        [&](const auto& model) {
          pre_tokenizer_.for_each_piece(
              text, begins_text, [&](std::string_view piece) { model.encode(piece, tokens); });
        },
        model_);
  }

  detail::TokenizerModelVariant model_;
  std::optional<Vocabulary>
      texts_;  // by token, what it is decoded to; a byte-level model's vocabulary has it already
  std::array<AddedTokens, 2> added_;  // looked for before normalization, and after it
  std::vector<bool> special_;         // by token
  Normalizer normalizer_;
  PreTokenizerChain pre_tokenizer_;
  std::size_t leading_spaces_;
  std::vector<Token> prefix_;
  std::vector<Token> suffix_;
  std::optional<Token> bos_;
  std::optional<Token> eos_;
  std::string chat_template_;
};

}  // namespace tutti
