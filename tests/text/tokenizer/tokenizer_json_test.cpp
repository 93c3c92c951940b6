// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/tokenizer/tokenizer_json.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

using namespace tutti;

namespace {

using Tokens = std::vector<Token>;

/// a 0, b 1, ab 2, <s> 3: a minimal file with all sections.
Json small_json() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 3, "content": "<s>", "single_word": false, "lstrip": false,
    "rstrip": false, "normalized": false,
                      "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
    "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
    "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
              "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})");
}

/// small_json with the value at `pointer` ("/model/type") replaced by the JSON `value`.
Json changed(const std::string& pointer, const std::string& value) {
  Json json = small_json();
  json[Json::json_pointer(pointer)] = Json::parse(value);
  return json;
}

TokenizerDefinition read_json(const Json& json) {
  const test::TemporaryDirectory directory;
  return read_tokenizer_json(directory.write("tokenizer.json", json.dump()));
}

std::string refusal(const Json& json) {
  try {
    const Tokenizer tokenizer(read_json(json));
    return "accepted";
  } catch (const FormatError& error) {
    return error.what();
  }
}

std::string split_json(const std::string& pattern, const std::string& behavior = "Isolated",
                       bool use_regex = false) {
  Json split{{"type", "Split"},
             {"pattern", {{"Regex", pattern}}},
             {"behavior", behavior},
             {"invert", false}};
  Json byte_level{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}};
  return Json{{"type", "Sequence"}, {"pretokenizers", {split, byte_level}}}.dump();
}

const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace

TEST_CASE("vocabulary, merges and added tokens are read", "[text][tokenizer_json]") {
  const TokenizerDefinition definition = read_json(small_json());
  REQUIRE(definition.tokens.size() == 4);
  CHECK(definition.tokens[2].text == "ab");
  CHECK_FALSE(definition.tokens[2].literal);
  CHECK(definition.tokens[3].literal);
  REQUIRE(definition.merges.size() == 1);
  CHECK(definition.merges[0].right == "b");
  REQUIRE(definition.added_tokens.size() == 1);
  CHECK(definition.added_tokens[0].special);
  CHECK(Tokenizer(definition).encode("ab<s>b") == Tokens{2, 3, 1});
}

TEST_CASE("the older forms of merges and of the model are read alike", "[text][tokenizer_json]") {
  Json json = changed("/model/merges", R"(["a b"])");
  json["model"].erase("type");
  json["model"]["continuing_subword_prefix"] = "";
  json["model"]["end_of_word_suffix"] = "";
  CHECK(Tokenizer(read_json(json)).encode("ab") == Tokens{2});
}

TEST_CASE("the known pre-tokenizers are recognized", "[text][tokenizer_json]") {
  const auto kind = [](const std::string& value) {
    const std::vector<PreTokenizerStep> steps =
        read_json(changed("/pre_tokenizer", value)).pre_tokenizer;
    REQUIRE_FALSE(steps.empty());
    return steps.back();
  };
  std::string llama3 = kQwen2;
  llama3.insert(llama3.find("|", llama3.find("?\\p{L}+|") + 8), "{1,3}");
  CHECK(kind(R"({"type": "ByteLevel", "add_prefix_space": true})") ==
        PreTokenizerStep(PreTokenizer::gpt2));
  CHECK(kind(split_json(kQwen2)) == PreTokenizerStep(PreTokenizer::qwen2));
  CHECK(kind(split_json(llama3)) == PreTokenizerStep(PreTokenizer::llama3));
  CHECK(kind(split_json(
            R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)")) ==
        PreTokenizerStep(PreTokenizer::gpt2));
  CHECK(
      kind(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
                 {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}]})") ==
      PreTokenizerStep(PreTokenizer::smollm));
}

TEST_CASE("other pre-tokenizers are refused with their definition",
          "[text][tokenizer_json][text_libraries]") {
  const auto refused = [](const std::string& value) {
    return refusal(changed("/pre_tokenizer", value));
  };
  CHECK_THAT(refused(R"({"type": "Whitespace"})"),
             test::contains(R"("pre_tokenizer" is {"type":"Whitespace"}, which is not supported)"));
  CHECK_THAT(refused(split_json("(")), test::contains("the pattern \"(\" is not supported"));
  CHECK_THAT(refused(R"({"type": "Split", "pattern": {}, "behavior": "Removed"})"),
             test::contains("or by a Regex"));
  CHECK_THAT(refused(split_json(kQwen2, "Sideways")), test::contains("the behaviors Isolated"));
  CHECK_THAT(refused(
                 R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel",
              "add_prefix_space": false}, {"type": "Digits"}]})"),
             test::contains("not supported"));
  CHECK_THAT(refused(R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Removed"})"),
             test::contains("not supported"));
  CHECK_THAT(refused(R"({"type": "Metaspace", "replacement": "ab"})"),
             test::contains("one character"));
  CHECK_THAT(refused(R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"})"),
             test::contains("prepend schemes"));
}

TEST_CASE("steps of a pre-tokenizer are read in their order",
          "[text][tokenizer_json][text_libraries]") {
  using Steps = std::vector<PreTokenizerStep>;
  const auto steps = [](const std::string& value) {
    return read_json(changed("/pre_tokenizer", value)).pre_tokenizer;
  };
  CHECK(
      steps(
          R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": false},
                  {"type": "ByteLevel", "add_prefix_space": true}]})") ==
      Steps{DigitsStep{}, PrefixSpaceStep{}, PreTokenizer::gpt2});
  CHECK(steps(R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})").empty());
  CHECK(steps(R"({"type": "Sequence", "pretokenizers": [
                  {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithNext",
                  "invert": true},
                  {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})") ==
        Steps{LiteralSplitStep{" ", SplitBehavior::merged_with_next, true}});
  CHECK(steps(split_json(kQwen2, "Removed", true)) ==
        Steps{RegexSplitStep{kQwen2, SplitBehavior::removed}, PreTokenizer::gpt2});
  CHECK(Tokenizer(read_json(changed("/pre_tokenizer", split_json("a(?=b)")))).encode("aabb") ==
        Tokens{0, 0, 1, 1});
}

/// As Llama 2's: unk 0, <s> 1, <0xC3> 2, <0xA9> 3, ▁ 4, a 5, ▁a 6.
Json sentencepiece_json() {
  Json json = small_json();
  json["added_tokens"] = Json::parse(
      R"([{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>",
          "special": true}])");
  json["normalizer"] = Json::parse(
      R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  json["pre_tokenizer"] = nullptr;
  json["decoder"] = Json::parse(
      R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"},
          "content": " "},
    {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1,
    "stop": 0}]})");
  json["model"] = Json::parse(
      R"({"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "<0xC3>": 2, "<0xA9>": 3, "▁": 4, "a": 5, "▁a": 6},
    "merges": ["▁ a"]})");
  return json;
}

TEST_CASE("a SentencePiece tokenizer is read with its normalizer, byte fallback and decoder",
          "[text][tokenizer_json]") {
  const Tokenizer tokenizer(read_json(sentencepiece_json()));
  CHECK(tokenizer.encode("a aé<s>a") == Tokens{6, 6, 2, 3, 1, 6});
  CHECK(tokenizer.encode("xyz") == Tokens{4, 0});
  CHECK(tokenizer.decode(Tokens{6, 6, 2, 3, 1, 6}) == "a aé a");
  CHECK(tokenizer.decode(Tokens{6}, false) == "a");
  CHECK(tokenizer.decode(Tokens{1, 6}, false) == "<s> a");
  CHECK(tokenizer.token_bytes(2) == "\xC3");
  CHECK(tokenizer.find(" a") == 6);
  CHECK(tokenizer.find("\xA9") == 3);
  CHECK(tokenizer.vocabulary_size() == 7);
}

TEST_CASE("a Metaspace pre-tokenizer marks the beginning of the text", "[text][tokenizer_json]") {
  Json json = sentencepiece_json();
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = Json::parse(
      R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false})");
  const Tokenizer tokenizer(read_json(json));
  CHECK(tokenizer.encode("a<s>a") == Tokens{6, 1, 5});
  CHECK(tokenizer.encode("<s>a") == Tokens{1, 5});
  json["pre_tokenizer"] = Json::parse(
      R"({"type": "Metaspace", "replacement": "▁", "add_prefix_space": false})");
  CHECK(Tokenizer(read_json(json)).encode("a a") == Tokens{5, 6});
}

TEST_CASE("NFC is done where the file asks for it", "[text][tokenizer_json]") {
  const TokenizerDefinition definition = read_json(changed("/normalizer", R"({"type": "NFC"})"));
  CHECK(definition.normalizer == std::vector<NormalizerStep>{NfcStep{}});
}

TEST_CASE("decoders other than SentencePiece's are refused", "[text][tokenizer_json]") {
  const auto refused = [](const std::string& decoders) {
    Json json = sentencepiece_json();
    json["decoder"]["decoders"] = Json::parse(decoders);
    return refusal(json);
  };
  CHECK_THAT(refused("[]"), test::contains("\"decoder\" is"));
  CHECK_THAT(refused(R"([{"type": "ByteFallback"}])"), test::contains("\"decoder\" is"));
  CHECK_THAT(refused(R"([{"type": "Fuse"}, {"type": "ByteFallback"}])"),
             test::contains("\"decoder\" is"));
  CHECK_THAT(
      refused(R"([{"type": "Strip", "content": " ", "start": 1, "stop": 0}, {"type": "Fuse"}])"),
      test::contains("\"decoder\" is"));
  CHECK_THAT(
      refused(R"([{"type": "Fuse"}, {"type": "Strip", "content": "x", "start": 1, "stop": 0}])"),
      test::contains("\"decoder\" is"));
  CHECK_THAT(
      refused(R"([{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}])"),
      test::contains("\"decoder\" is"));
  CHECK_THAT(refused(R"([{"type": "WordPiece"}, {"type": "Fuse"}])"),
             test::contains("\"decoder\" is"));
}

TEST_CASE("settings that would change the tokens are refused by key and value",
          "[text][tokenizer_json]") {
  CHECK_THAT(refusal(changed("/normalizer", R"({"type": "Lowercase"})")),
             test::contains(R"("normalizer" is {"type":"Lowercase"})"));
  CHECK_THAT(refusal(changed("/normalizer",
                             R"({"type": "Replace", "pattern": {"Regex": "a"}, "content": "b"})")),
             test::contains("\"normalizer\" is"));
  CHECK_THAT(refusal(changed("/normalizer",
                             R"({"type": "Replace", "pattern": {"String": ""}, "content": "b"})")),
             test::contains("\"normalizer\" is"));
  CHECK_THAT(refusal(changed("/normalizer", R"({"type": "Sequence", "normalizers": 3})")),
             test::contains("\"normalizer\" is"));
  CHECK_THAT(refusal(changed("/decoder", R"({"type": "Metaspace"})")),
             test::contains("\"decoder\" is"));
  CHECK_THAT(refusal(changed("/decoder", "null")), test::contains("\"decoder\" is missing"));
  CHECK_THAT(refusal(changed("/model/type", R"("Unigram")")),
             test::contains(R"("model.type" is "Unigram")"));
  CHECK_THAT(refusal(changed("/model/byte_fallback", "true")),
             test::contains("\"model.byte_fallback\" is true"));
  CHECK_THAT(refusal(changed("/model/dropout", "0.1")), test::contains("\"model.dropout\" is 0.1"));
  CHECK_THAT(refusal(changed("/model/end_of_word_suffix", R"("</w>")")),
             test::contains("\"model.end_of_word_suffix\" is \"</w>\""));
  CHECK_THAT(refusal(changed("/post_processor", R"({"type": "RobertaProcessing"})")),
             test::contains("\"post_processor\" is"));
}

TEST_CASE("a template puts special tokens around the text", "[text][tokenizer_json]") {
  const std::string steps =
      R"({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A",
    "type_id": 0}},
               {"SpecialToken": {"id": "end", "type_id": 0}}],
    "pair": [],
    "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]},
                       "end": {"id": "end", "ids": [1, 3], "tokens": ["b", "<s>"]}}}]})";
  const Tokenizer tokenizer(read_json(changed("/post_processor", steps)));
  CHECK(tokenizer.encode("a") == Tokens{3, 0, 1, 3});
  CHECK(tokenizer.encode("a", {.add_special = false}) == Tokens{0});
}

TEST_CASE("templates other than one text between special tokens are refused",
          "[text][tokenizer_json]") {
  const auto refused = [](const std::string& single) {
    return refusal(changed(
        "/post_processor",
        R"({"type": "TemplateProcessing", "special_tokens": {}, "single": )" + single + "}"));
  };
  CHECK_THAT(refused("[]"), test::contains("not supported"));
  CHECK_THAT(refused(R"([{"Sequence": {"id": "B"}}])"), test::contains("not supported"));
  CHECK_THAT(refused(R"([{"Sequence": {"id": "A"}}, {"Sequence": {"id": "A"}}])"),
             test::contains("not supported"));
  CHECK_THAT(refused(R"([{"SpecialToken": {"id": "<x>"}}, {"Sequence": {"id": "A"}}])"),
             test::contains("\"<x>\" is missing"));
  CHECK_THAT(refused("[3]"), test::contains("not supported"));
}

TEST_CASE("the unknown token stands for bytes that the vocabulary lacks",
          "[text][tokenizer_json]") {
  Json json = changed("/model/unk_token", R"("a")");
  json["model"]["fuse_unk"] = true;
  CHECK(Tokenizer(read_json(json)).encode("bxx") == Tokens{1, 0});
  CHECK_THAT(refusal(changed("/model/unk_token", R"("?")")),
             test::contains("\"unk_token\" \"?\" is not in the vocabulary"));
}

TEST_CASE("ids must be unique and leave no holes", "[text][tokenizer_json]") {
  CHECK_THAT(refusal(changed("/model/vocab/b", "0")), test::contains("share the id 0"));
  CHECK_THAT(refusal(changed("/model/vocab/b", "3")), test::contains("share the id 3"));
  CHECK_THAT(refusal(changed("/model/vocab/b", "4")),
             test::contains("has id 4, but there are at most 4 tokens"));
  CHECK_THAT(refusal(changed("/model/vocab/b", "2147483647")), test::contains("has id 2147483647"));
  CHECK_THAT(refusal(changed("/model/vocab/b", "-1")), test::contains("has id -1"));
  CHECK_THAT(refusal(changed("/model/vocab/b", "1.5")), test::contains("expected a whole number"));
  CHECK_THAT(
      refusal(
          changed("/added_tokens", R"([{"id": 2, "content": "ab"}, {"id": 4, "content": "x"}])")),
      test::contains("added token \"x\" has id 4, but the next free id, which tokenizers would "
                     "give it, is 3"));
}

TEST_CASE("an added token that the vocabulary has under another id is refused",
          "[text][tokenizer_json]") {
  CHECK_THAT(refusal(changed("/added_tokens/0/content", R"("ab")")),
             test::contains("added token \"ab\" has id 3, but in \"vocab\" it has 2"));
}

TEST_CASE("empty and repeated added tokens are accepted as tokenizers does",
          "[text][tokenizer_json]") {
  const auto tokens = [](const std::string& added) {
    return Tokenizer(read_json(changed("/added_tokens", added)));
  };
  const Tokenizer last = tokens(R"([{"id": 3, "content": "<x>"}, {"id": 4, "content": ""}])");
  CHECK(last.vocabulary_size() == 4);
  CHECK(last.encode("<x>") == Tokens{3});
  // Ignored tokens take no id, so the next one's id differs from the file's.
  const Tokenizer between = tokens(
      R"([{"id": 3, "content": "<x>"}, {"id": 4, "content": ""}, {"id": 5, "content": "<y>"}])");
  CHECK(between.encode("<x><y>") == Tokens{3, 4});
  // The last flags apply, but a special token stays special.
  const Tokenizer repeated = tokens(
      R"([{"id": 3, "content": "<x>", "special": true}, {"id": 3, "content": "<x>", "lstrip": true},
          {"id": 2, "content": "ab"}, {"id": 2, "content": "ab"}])");
  CHECK(repeated.encode("a  <x>ab") == Tokens{0, 3, 2});
  CHECK(repeated.is_special(3));
  CHECK_FALSE(repeated.is_special(2));
}

TEST_CASE("an added token whose id is not the next one is refused with the file's name",
          "[text][tokenizer_json]") {
  const std::string text = refusal(changed("/added_tokens", R"([{"id": 7, "content": "<x>"}])"));
  CHECK_THAT(text,
             test::contains("\"<x>\" has id 7, but there are at most 4 tokens") ||
                 test::contains("tokenizer.json: added token \"<x>\" has id 7, but the next"));
}

TEST_CASE("malformed merges are refused by number", "[text][tokenizer_json]") {
  const auto refused = [](const std::string& merges) {
    return refusal(changed("/model/merges", merges));
  };
  CHECK_THAT(refused(R"([["a", "c"]])"), test::contains("merge 0, \"a\" with \"c\", names \"c\""));
  CHECK_THAT(refused(R"([["a"]])"), test::contains("merge 0 is [\"a\"]"));
  CHECK_THAT(refused(R"(["a b", "a b c"])"), test::contains("merge 1 is"));
  CHECK_THAT(refused(R"(["ab"])"), test::contains("merge 0 is"));
  CHECK_THAT(refused("3"), test::contains("\"merges\" is the number 3"));
}

TEST_CASE("a file of the wrong shape is refused and not crashed on", "[text][tokenizer_json]") {
  CHECK_THAT(refusal(Json::array()), test::contains("expected an object"));
  CHECK_THAT(refusal(Json::object()), test::contains("\"model\" is missing"));
  for (const char* pointer : {"/model", "/model/vocab", "/added_tokens", "/added_tokens/0",
                              "/pre_tokenizer", "/post_processor", "/decoder"}) {
    for (const char* value : {"3", "\"x\"", "[1]", "true"}) {
      INFO(pointer << " = " << value);
      CHECK(refusal(changed(pointer, value)) != "accepted");
    }
  }
}

TEST_CASE("BOS, EOS and the chat template come from the files beside it",
          "[text][tokenizer_json]") {
  const test::TemporaryDirectory directory;
  directory.write("tokenizer.json", small_json().dump());
  directory.write(
      "tokenizer_config.json",
      R"({"bos_token": null, "eos_token": {"content": "<s>"}, "chat_template": "old"})");
  TokenizerDefinition definition = read_tokenizer_json(directory.path());
  CHECK_FALSE(definition.bos.has_value());
  CHECK(definition.eos == 3);
  CHECK(definition.chat_template == "old");

  directory.write("tokenizer_config.json",
                  R"({"bos_token": "ab", "chat_template": [{"name": "tools", "template": "t"},
          {"name": "default", "template": "d"}]})");
  definition = read_tokenizer_json(directory.path() / "tokenizer.json");
  CHECK(definition.bos == 2);
  CHECK(definition.chat_template == "d");

  directory.write("chat_template.jinja", "new");
  CHECK(read_tokenizer_json(directory.path()).chat_template == "new");

  directory.write("tokenizer_config.json", R"({"eos_token": "</s>"})");
  CHECK_THROWS_WITH(read_tokenizer_json(directory.path()),
                    test::contains("\"eos_token\" is \"</s>\", which is not in"));
}

TEST_CASE("special_tokens_map.json takes precedence, unless there is an added_tokens_decoder",
          "[text][tokenizer_json]") {
  const test::TemporaryDirectory directory;
  directory.write("tokenizer.json", small_json().dump());
  directory.write("special_tokens_map.json",
                  R"({"bos_token": "<s>", "eos_token": {"content": "ab"}})");
  TokenizerDefinition definition = read_tokenizer_json(directory.path());
  CHECK(definition.bos == 3);
  CHECK(definition.eos == 2);
  CHECK(Tokenizer(definition).is_special(2));

  directory.write("tokenizer_config.json", R"({"eos_token": "b", "unk_token": "a"})");
  definition = read_tokenizer_json(directory.path());
  CHECK(definition.eos == 2);
  REQUIRE(definition.named_tokens.size() == 3);
  CHECK(definition.named_tokens[2].name == "unk_token");
  CHECK(definition.named_tokens[2].text == "a");

  directory.write("tokenizer_config.json", R"({"eos_token": "b", "added_tokens_decoder": {}})");
  definition = read_tokenizer_json(directory.path());
  CHECK_FALSE(definition.bos.has_value());
  CHECK(definition.eos == 1);

  directory.write("special_tokens_map.json", "[]");
  directory.write("tokenizer_config.json", "{}");
  CHECK_THROWS_WITH(read_tokenizer_json(directory.path()),
                    test::contains("special_tokens_map.json: expected an object"));
}

TEST_CASE("keys of tokenizer_config.json that change tokens or text are refused by name and value",
          "[text][tokenizer_json]") {
  const test::TemporaryDirectory directory;
  directory.write("tokenizer.json", small_json().dump());
  const auto refused = [&](const std::string& config) -> std::string {
    directory.write("tokenizer_config.json", config);
    try {
      (void)read_tokenizer_json(directory.path());
      return "accepted";
    } catch (const FormatError& error) {
      return error.what();
    }
  };
  CHECK_THAT(refused(R"({"split_special_tokens": true})"),
             test::contains("\"split_special_tokens\" is true"));
  CHECK_THAT(refused(R"({"fix_mistral_regex": true})"),
             test::contains("\"fix_mistral_regex\" is true"));
  CHECK_THAT(refused(R"({"add_prefix_space": true})"),
             test::contains("\"add_prefix_space\" is true, but"));
  CHECK_THAT(refused(R"({"eos_token": 3})"), test::contains("\"eos_token\" is the number 3"));
  CHECK_THAT(refused(R"({"added_tokens_decoder": {"x": {"content": "<s>"}}})"),
             test::contains("\"added_tokens_decoder\" has the key \"x\""));
  CHECK_THAT(refused(R"({"added_tokens_decoder": {"9": {"content": "<new>"}}})"),
             test::contains("tokenizer_config.json: added token \"<new>\" has id 9"));
  // transformers ignores these if there is a tokenizer.json.
  CHECK(refused(R"({"add_bos_token": true, "add_eos_token": true, "do_lower_case": true,
                    "clean_up_tokenization_spaces": true, "add_prefix_space": false,
                    "split_special_tokens": false, "pad_token": "[PAD]",
                    "model_max_length": 1e30})") == "accepted");
}

TEST_CASE("another version of the format is refused", "[text][tokenizer_json]") {
  CHECK_THAT(refusal(changed("/version", R"("2.0")")), test::contains("\"version\" is \"2.0\""));
}

TEST_CASE("a missing file is named", "[text][tokenizer_json]") {
  const test::TemporaryDirectory directory;
  CHECK_THROWS_WITH(read_tokenizer_json(directory.path()), test::contains("tokenizer.json"));
}
