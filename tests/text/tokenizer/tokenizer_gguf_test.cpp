// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/tokenizer_gguf.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

using namespace tutti;

namespace {

using Tokens = std::vector<Token>;

/// a 0, b 1, ab 2, <s> 3 (control), "a b" 4 (user-defined), and an unused one without text.
test::GgufWriter small_gguf(const std::string& pre = "gpt-2", const std::string& model = "gpt2",
                            const std::vector<std::string>& merges = {"a b"}) {
  test::GgufWriter writer;
  writer.add("tokenizer.ggml.model", model).add("tokenizer.ggml.pre", pre);
  writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab", "<s>", "a b", ""});
  writer.add("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1, 1, 3, 4, 5});
  writer.add("tokenizer.ggml.merges", merges);
  return writer;
}

TokenizerDefinition read_gguf(const test::GgufWriter& writer) {
  const test::TemporaryDirectory directory;
  return read_tokenizer_gguf(GgufFile(directory.write("model.gguf", writer.bytes())));
}

}  // namespace

TEST_CASE("tokens, their types and the merges are read", "[text][tokenizer_gguf]") {
  const TokenizerDefinition definition = read_gguf(small_gguf());
  REQUIRE(definition.tokens.size() == 6);
  REQUIRE(definition.added_tokens.size() == 2);
  CHECK(definition.added_tokens[0].special);
  CHECK_FALSE(definition.added_tokens[1].special);
  CHECK(definition.tokens[4].literal);
  CHECK(definition.prefix.empty());
  const Tokenizer tokenizer(definition);
  CHECK(tokenizer.encode("ab<s>a ba") == Tokens{2, 3, 4, 0});
  CHECK(tokenizer.vocabulary_size() == 6);
}

TEST_CASE("the names of the built-in pre-tokenizers are known", "[text][tokenizer_gguf]") {
  using Steps = std::vector<PreTokenizerStep>;
  CHECK(read_gguf(small_gguf("gpt-2")).pre_tokenizer == Steps{PreTokenizer::gpt2});
  CHECK(read_gguf(small_gguf("qwen2")).pre_tokenizer == Steps{PreTokenizer::qwen2});
  CHECK(read_gguf(small_gguf("smollm")).pre_tokenizer == Steps{PreTokenizer::smollm});
  const TokenizerDefinition llama = read_gguf(
      small_gguf("llama-bpe").add("tokenizer.ggml.bos_token_id", 3U));
  CHECK(llama.pre_tokenizer == Steps{PreTokenizer::llama3});
  CHECK(llama.ignore_merges);
}

TEST_CASE("BOS and EOS go around the text where the file says so", "[text][tokenizer_gguf]") {
  test::GgufWriter writer = small_gguf();
  writer.add("tokenizer.ggml.bos_token_id", 3U).add("tokenizer.ggml.eos_token_id", 1U);
  const TokenizerDefinition quiet = read_gguf(writer);
  CHECK(quiet.bos == 3);
  CHECK(quiet.eos == 1);
  CHECK(Tokenizer(quiet).encode("a") == Tokens{0});
  writer.add("tokenizer.ggml.add_bos_token", true).add("tokenizer.ggml.add_eos_token", true);
  CHECK(Tokenizer(read_gguf(writer)).encode("a") == Tokens{3, 0, 1});
}

TEST_CASE("Llama 3 begins every text with BOS unless the file forbids it",
          "[text][tokenizer_gguf]") {
  test::GgufWriter writer = small_gguf("llama-bpe");
  CHECK_THROWS_WITH(
      read_gguf(writer),
      test::contains("no \"tokenizer.ggml.bos_token_id\" in the vocabulary of 6 tokens"));
  writer.add("tokenizer.ggml.bos_token_id", 3U);
  CHECK(read_gguf(writer).prefix == Tokens{3});
  CHECK(read_gguf(writer.add("tokenizer.ggml.add_bos_token", false)).prefix.empty());
}

TEST_CASE("the chat template is kept", "[text][tokenizer_gguf]") {
  CHECK(read_gguf(small_gguf()).chat_template == "");
  CHECK(read_gguf(small_gguf().add("tokenizer.chat_template", "{{ x }}")).chat_template ==
        "{{ x }}");
}

TEST_CASE("a prefix space is taken from the file for GPT-2 only", "[text][tokenizer_gguf]") {
  CHECK(Tokenizer(
            read_gguf(small_gguf("gpt-2", "gpt2", {}).add("tokenizer.ggml.add_space_prefix", true)))
            .encode("a") == Tokens{0});
  CHECK(
      read_gguf(small_gguf().add("tokenizer.ggml.add_space_prefix", true)).pre_tokenizer.front() ==
      PreTokenizerStep(PrefixSpaceStep{}));
  CHECK_THROWS_WITH(read_gguf(small_gguf("smollm").add("tokenizer.ggml.add_space_prefix", true)),
                    test::contains("add_space_prefix"));
}

TEST_CASE("other models and pre-tokenizers are refused by name", "[text][tokenizer_gguf]") {
  CHECK_THROWS_WITH(read_gguf(small_gguf("gpt-2", "bert")),
                    test::contains("\"tokenizer.ggml.model\" is \"bert\""));
  CHECK_THROWS_WITH(
      read_gguf(small_gguf("tekken")),
      test::contains("\"tokenizer.ggml.pre\" is \"tekken\"") && test::contains("smollm"));
}

TEST_CASE("a file without a tokenizer, or with half of one, is refused by key",
          "[text][tokenizer_gguf]") {
  CHECK_THROWS_WITH(read_gguf(test::GgufWriter()), test::contains("tokenizer.ggml.model"));
  test::GgufWriter writer;
  writer.add("tokenizer.ggml.model", "gpt2");
  CHECK_THROWS_WITH(read_gguf(writer), test::contains("tokenizer.ggml.pre"));
  writer.add("tokenizer.ggml.pre", "gpt-2");
  CHECK_THROWS_WITH(read_gguf(writer), test::contains("tokenizer.ggml.tokens"));
  writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
  CHECK_THROWS_WITH(read_gguf(writer), test::contains("tokenizer.ggml.merges"));
  writer.add("tokenizer.ggml.token_type", std::vector<std::int32_t>{1});
  CHECK_THROWS_WITH(read_gguf(writer), test::contains("2 tokens, but 1 token types"));
}

TEST_CASE("merges that are no two known tokens are refused by number", "[text][tokenizer_gguf]") {
  CHECK_THROWS_WITH(read_gguf(small_gguf("gpt-2", "gpt2", {"a b", "a b c"})),
                    test::contains("merge 1 is \"a b c\""));
  CHECK_THROWS_WITH(read_gguf(small_gguf("gpt-2", "gpt2", {"ab"})),
                    test::contains("merge 0 is \"ab\""));
  CHECK_THROWS_WITH(Tokenizer(read_gguf(small_gguf("gpt-2", "gpt2", {"b a"}))),
                    test::contains("names \"ba\""));
}

TEST_CASE("ids of special tokens outside the vocabulary count as absent, as in llama.cpp",
          "[text][tokenizer_gguf]") {
  test::GgufWriter writer = small_gguf();
  writer.add("tokenizer.ggml.bos_token_id", 6U).add("tokenizer.ggml.eos_token_id", 4294967295U);
  writer.add("tokenizer.ggml.eot_token_id", 7U).add("tokenizer.ggml.padding_token_id", 99U);
  const Tokenizer tokenizer(read_gguf(writer));
  CHECK_FALSE(tokenizer.bos().has_value());
  CHECK_FALSE(tokenizer.eos().has_value());
  CHECK(tokenizer.end_tokens().empty());
  CHECK(tokenizer.named_tokens().empty());
  CHECK_THROWS_WITH(read_gguf(writer.add("tokenizer.ggml.add_bos_token", true)),
                    test::contains("no \"tokenizer.ggml.bos_token_id\" in the vocabulary of 6"));
}

TEST_CASE("EOS, end of turn and end of message end a text", "[text][tokenizer_gguf]") {
  test::GgufWriter writer = small_gguf();
  writer.add("tokenizer.ggml.eos_token_id", 1U).add("tokenizer.ggml.eot_token_id", 3U);
  writer.add("tokenizer.ggml.eom_token_id", 2U).add("tokenizer.ggml.bos_token_id", 0U);
  writer.add("tokenizer.ggml.padding_token_id", 4U);
  const Tokenizer tokenizer(read_gguf(writer));
  CHECK(tokenizer.end_tokens() == Tokens{1, 3, 2});
  std::string names;
  for (const NamedToken& named : tokenizer.named_tokens())
    names += named.name + "=" + named.text + ";";
  CHECK(names == "bos_token=a;eos_token=b;pad_token=a b;");
}

TEST_CASE("an end marker is a control token whatever its type, as in llama.cpp",
          "[text][tokenizer_gguf]") {
  for (const std::int32_t type : {1, 3, 4}) {
    test::GgufWriter writer;
    writer.add("tokenizer.ggml.model", "gpt2").add("tokenizer.ggml.pre", "gpt-2");
    writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "<|im_end|>"});
    writer.add("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, type});
    writer.add("tokenizer.ggml.merges", std::vector<std::string>{});
    const Tokenizer tokenizer(read_gguf(writer));
    CHECK(tokenizer.encode("a<|im_end|>") == Tokens{0, 1});
    CHECK(tokenizer.encode("a<|im_end|>", {.parse_special = false}) == Tokens{0});
    CHECK(tokenizer.decode(Tokens{0, 1}) == "a");
    CHECK(tokenizer.end_tokens() == Tokens{1});
  }
}

TEST_CASE("keys that change the tokens or what may be generated are refused by name and value",
          "[text][tokenizer_gguf]") {
  for (const char* key : {"tokenizer.ggml.add_sep_token", "tokenizer.ggml.normalizer.lowercase",
                          "tokenizer.ggml.normalizer.strip_accents"}) {
    CHECK_THROWS_WITH(read_gguf(small_gguf().add(key, true)),
                      test::contains(std::string("\"") + key + "\" is true"));
    CHECK_NOTHROW(read_gguf(small_gguf().add(key, false)));
  }
  CHECK_THROWS_WITH(
      read_gguf(small_gguf().add("tokenizer.ggml.suppress_tokens", std::vector<std::int32_t>{1})),
      test::contains("\"tokenizer.ggml.suppress_tokens\" has 1 values"));
  CHECK_NOTHROW(read_gguf(small_gguf()
                              .add("tokenizer.ggml.remove_extra_whitespaces", true)
                              .add("tokenizer.ggml.token_type_count", 2U)
                              .add("tokenizer.ggml.fim_pre_token_id", 1U)));
}

namespace {

/// <unk> 0, <s> 1, </s> 2, <0xC3> 3, <0xA9> 4, ▁ 5, a 6, ▁a 7, two spaces 8 (user-defined), aa 9
/// (unused).
test::GgufWriter sentencepiece_gguf() {
  test::GgufWriter writer;
  writer.add("tokenizer.ggml.model", "llama")
      .add("tokenizer.ggml.bos_token_id", 1U)
      .add("tokenizer.ggml.eos_token_id", 2U);
  writer.add("tokenizer.ggml.tokens",
             std::vector<std::string>{"<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "▁a",
                                      "  ", "aa"});
  writer.add("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 3, 6, 6, 1, 1, 1, 4, 5});
  writer.add("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, 0, 0, -3, -4, -1, 0, -2});
  return writer;
}

}  // namespace

TEST_CASE("a SentencePiece model marks spaces, puts one first and falls back to bytes",
          "[text][tokenizer_gguf]") {
  const Tokenizer tokenizer(read_gguf(sentencepiece_gguf()));
  CHECK(tokenizer.encode("a aé") == Tokens{1, 7, 7, 3, 4});
  CHECK(tokenizer.encode("a", {.add_special = false}) == Tokens{7});
  CHECK(tokenizer.encode("aaa", {.add_special = false}) == Tokens{7, 6, 6});
  CHECK(tokenizer.encode("x", {.add_special = false}) == Tokens{5, 0});
  // User-defined and special tokens are found first; a space is put before each text between them.
  CHECK(tokenizer.encode("a  a</s>a", {.add_special = false}) == Tokens{7, 8, 7, 2, 7});
  CHECK(tokenizer.decode(Tokens{1, 7, 7, 3, 4}) == "a aé");
  CHECK(tokenizer.decode(Tokens{6, 7}) == "a a");
  CHECK(tokenizer.is_special(0));
  CHECK_FALSE(tokenizer.is_special(8));
}

TEST_CASE("a SentencePiece model follows the keys for BOS, EOS and the first space",
          "[text][tokenizer_gguf]") {
  test::GgufWriter writer = sentencepiece_gguf();
  writer.add("tokenizer.ggml.add_space_prefix", false)
      .add("tokenizer.ggml.add_bos_token", false)
      .add("tokenizer.ggml.add_eos_token", true);
  const Tokenizer tokenizer(read_gguf(writer));
  CHECK(tokenizer.encode("a a") == Tokens{6, 7, 2});
  CHECK(tokenizer.decode(Tokens{7, 7}) == " a a");
}

TEST_CASE("a SentencePiece model without its parts is refused", "[text][tokenizer_gguf]") {
  const std::vector<std::string> tokens{"a", "<0x0>"};
  test::GgufWriter writer;
  writer.add("tokenizer.ggml.model", "llama").add("tokenizer.ggml.tokens", tokens);
  CHECK_THROWS_WITH(read_gguf(writer), test::contains("tokenizer.ggml.token_type"));
  test::GgufWriter unscored = writer;
  unscored.add("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1});
  CHECK_THROWS_WITH(read_gguf(unscored), test::contains("tokenizer.ggml.scores"));
  unscored.add("tokenizer.ggml.scores", std::vector<float>{0});
  CHECK_THROWS_WITH(read_gguf(unscored),
                    test::contains("2 tokens, but 2 token types and 1 scores"));
  writer.add("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 6})
      .add("tokenizer.ggml.scores", std::vector<float>{0, 0});
  CHECK_THROWS_WITH(read_gguf(writer),
                    test::contains("token 1 is \"<0x0>\"") && test::contains("<0xNN>"));
  CHECK_THROWS_WITH(
      read_gguf(sentencepiece_gguf().add("tokenizer.ggml.remove_extra_whitespaces", true)),
      test::contains("remove_extra_whitespaces"));
  CHECK_THROWS_WITH(
      Tokenizer(read_gguf(sentencepiece_gguf().add("tokenizer.ggml.unknown_token_id", 10U))),
      test::contains("unknown token has id 10"));
}
