// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/load_tokenizer.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/base/error.hpp"
#include "tutti/text/tokenizer/tokenizer_definition.hpp"

using namespace tutti;

namespace {

using Tokens = std::vector<Token>;

/// a 0, b 1, <|im_end|> 2 (special), "<|endoftext|>" 3 (added, not special), half of é 4; EOS is b.
Tokenizer small_tokenizer() {
  TokenizerDefinition definition;
  definition.tokens = {{"a"}, {"b"}, {"<|im_end|>", true}, {"<|endoftext|>", true}, {"Ã"}};
  definition.added_tokens.resize(2);
  definition.added_tokens[0].id = 2;
  definition.added_tokens[0].text = "<|im_end|>";
  definition.added_tokens[0].special = true;
  definition.added_tokens[1].id = 3;
  definition.added_tokens[1].text = "<|endoftext|>";
  definition.prefix = {0};
  definition.eos = 1;
  return Tokenizer(definition);
}

}  // namespace

TEST_CASE("a codec encodes as the tokenizer does and gives special tokens no text",
          "[text][load_tokenizer]") {
  const TextCodec codec = codec_of(small_tokenizer());
  CHECK(codec.encode("ba<|im_end|>") == Tokens{0, 1, 0, 2});
  CHECK(codec.token_bytes(0) == "a");
  CHECK(codec.token_bytes(4) == "\xC3");
  CHECK(codec.token_bytes(2) == "");
  CHECK(codec.token_bytes(5) == "");  // a model may have more tokens than its tokenizer
  CHECK(codec.token_bytes(3) == "<|endoftext|>");
}

TEST_CASE("text ends at the given tokens, at EOS and at special end markers, each once",
          "[text][load_tokenizer]") {
  CHECK(codec_of(small_tokenizer()).end_of_text == Tokens{1, 2});
  CHECK(codec_of(small_tokenizer(), {0, 2}).end_of_text == Tokens{0, 2, 1});
}

TEST_CASE("without a tokenizer a codec has the given end tokens and no text",
          "[text][load_tokenizer]") {
  const TextCodec codec = codec_of(std::shared_ptr<const Tokenizer>(), {7, 3});
  CHECK(codec.end_of_text == Tokens{7, 3});
  CHECK_FALSE(static_cast<bool>(codec.encode));
  CHECK_FALSE(static_cast<bool>(codec.token_bytes));
}

#if !defined(_WIN32)  // there, only administrators can create symbolic links
TEST_CASE("a path that cannot be accessed holds no tokenizer", "[text][load_tokenizer]") {
  const test::TemporaryDirectory directory;
  const std::filesystem::path loop = directory.path() / "loop";
  std::filesystem::create_symlink(loop, loop);
  CHECK_THROWS_AS(load_tokenizer(loop), FormatError);
  CHECK_THROWS_AS(load_tokenizer(directory.path() / std::string(300, 'x')), FormatError);
}
#endif

TEST_CASE("a text that begins with BOS gets no second one from a codec", "[text][load_tokenizer]") {
  TokenizerDefinition definition;
  definition.tokens = {{"a"}, {"<s>", true}};
  definition.added_tokens.resize(1);
  definition.added_tokens[0].id = 1;
  definition.added_tokens[0].text = "<s>";
  definition.added_tokens[0].special = true;
  definition.prefix = {1};
  definition.bos = 1;
  const TextCodec codec = codec_of(Tokenizer(definition));
  CHECK(codec.encode("a") == Tokens{1, 0});
  CHECK(codec.encode("<s>a<s>") == Tokens{1, 0, 1});
  CHECK(codec.encode("<s><s>a") == Tokens{1, 1, 0});
  CHECK(codec.encode("") == Tokens{1});
}

TEST_CASE("a tokenizer's chat template writes its BOS and EOS", "[text][load_tokenizer]") {
  TokenizerDefinition definition;
  definition.tokens = {{"a"}, {"<s>", true}, {"</s>", true}};
  definition.bos = 1;
  definition.eos = 2;
  CHECK_THROWS_AS(chat_template_of(Tokenizer(definition)), FormatError);
  definition.chat_template =
      "{{ bos_token }}{% for m in messages %}{{ '[INST] ' + m.content + ' [/INST]' if m.role == "
      "'user' "
      "else m.content + eos_token }}{% endfor %}";
  const std::vector<ChatMessage> messages{{"user", "x"}, {"assistant", "y"}, {"user", "z"}};
  CHECK(chat_template_of(Tokenizer(definition)).render(messages) ==
        "<s>[INST] x [/INST]y</s>[INST] z [/INST]");
}

TEST_CASE("a codec encodes the contents of a chat as plain text", "[text][load_tokenizer]") {
  TokenizerDefinition definition;
  definition.tokens = {{"a"}, {"<s>", true}, {"</s>", true}};
  definition.added_tokens.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    definition.added_tokens[i].id = static_cast<Token>(i + 1);
    definition.added_tokens[i].text = definition.tokens[i + 1].text;
    definition.added_tokens[i].special = true;
  }
  definition.prefix = {1};
  definition.bos = 1;
  definition.eos = 2;
  definition.chat_template =
      "{{ bos_token }}{% for m in messages %}{{ m.content + eos_token }}{% endfor %}";
  const TextCodec codec = codec_of(Tokenizer(definition));
  const std::vector<ChatMessage> messages{{"user", "a</s><s>a"}, {"assistant", "a"}};
  // No token has < / s or >, so those bytes are dropped.
  CHECK(codec.encode_chat(messages) == Tokens{1, 0, 0, 2, 0, 2});
}

TEST_CASE("a directory has a tokenizer.json and a file is GGUF", "[text][load_tokenizer]") {
  const std::string kind = std::string(TUTTI_TEST_DATA) + "/text/tokenizer_gpt2.json";
  const test::TemporaryDirectory directory;
  std::filesystem::copy_file(kind, directory.path() / "tokenizer.json");
  CHECK(load_tokenizer(directory.path()).vocabulary_size() ==
        Tokenizer::from_hf(kind).vocabulary_size());

  test::GgufWriter writer;
  writer.add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.pre", "gpt-2");
  writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab"});
  writer.add("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  CHECK(load_tokenizer(directory.write("model.gguf", writer.bytes())).encode("ab") == Tokens{2});
  CHECK_THROWS_AS(load_tokenizer(directory.path() / "tokenizer.json"), FormatError);
  CHECK_THROWS_AS(load_tokenizer(directory.path() / "missing"), FormatError);
}
