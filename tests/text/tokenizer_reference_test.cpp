// SPDX-License-Identifier: Apache-2.0
// Token ids against the Hugging Face tokenizers package: tests/data/text/generate.py wrote what it answers.

#include <array>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/detokenizer.hpp"
#include "tutti/text/tokenizer.hpp"

namespace {

using namespace tutti;

const std::string kData = std::string(TUTTI_TEST_DATA) + "/text/";
constexpr std::array<const char*, 4> kKinds{"gpt2", "llama3", "qwen2", "smollm"};

Tokenizer reference_tokenizer(const std::string& kind) { return Tokenizer::from_hf(kData + "tokenizer_" + kind + ".json"); }

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

TEST_CASE("token ids and decoded text are those of the tokenizers package on every case", "[text][tokenizer]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    for (std::size_t i = 0; i < cases["texts"].size(); ++i) {
      const auto text = cases["texts"][i].get<std::string>();
      INFO(kind << ": text " << i << ": " << text);
      const auto ids = tokenizer.encode(text);
      REQUIRE(ids == cases[kind]["ids"][i].get<std::vector<Token>>());
      REQUIRE(tokenizer.decode(ids) == cases[kind]["decoded"][i].get<std::string>());
    }
  }
}

TEST_CASE("invalid UTF-8 gets the token ids of the text in which Python replaced it", "[text][tokenizer]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    for (std::size_t i = 0; i < cases["invalid_hex"].size(); ++i) {
      const std::string bytes = from_hex(cases["invalid_hex"][i].get<std::string>());
      INFO(kind << ": " << cases["invalid_hex"][i]);
      REQUIRE(replace_invalid_utf8(bytes) == cases["invalid_repaired"][i].get<std::string>());
      REQUIRE(tokenizer.encode(bytes, {.add_special = false}) == cases[kind]["invalid_ids"][i].get<std::vector<Token>>());
    }
  }
}

TEST_CASE("special tokens written in the text are plain text where parse_special is off", "[text][tokenizer]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    for (std::size_t i = 0; i < cases["plain_texts"].size(); ++i) {
      INFO(kind << ": " << cases["plain_texts"][i]);
      const auto ids = tokenizer.encode(cases["plain_texts"][i].get<std::string>(), {.parse_special = false, .add_special = false});
      CHECK(ids == cases[kind]["plain_ids"][i].get<std::vector<Token>>());
    }
  }
}

TEST_CASE("decoding token by token gives the same text as decoding at once, in whole code points", "[text][detokenizer]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    StreamingDecoder stream(tokenizer);
    for (const Json& ids : cases[kind]["ids"]) {
      std::string text;
      for (const Token token : ids.get<std::vector<Token>>()) {
        const std::string part = stream.push(token);
        REQUIRE(is_valid_utf8(part));
        text += part;
      }
      text += stream.flush();
      REQUIRE(text == tokenizer.decode(ids.get<std::vector<Token>>()));
    }
  }
}

// By hand: generate.py --random 10000 FILE, then TUTTI_RANDOM_TEXTS=FILE and the tag on the command line.
TEST_CASE("token ids are those of the tokenizers package on random texts", "[.differential]") {
  const char* path = std::getenv("TUTTI_RANDOM_TEXTS");
  if (path == nullptr) {
    WARN("SKIPPED: TUTTI_RANDOM_TEXTS does not name a file of generate.py --random");
    return;
  }
  std::vector<Tokenizer> tokenizers;
  for (const std::string kind : kKinds) tokenizers.push_back(reference_tokenizer(kind));
  std::ifstream lines(path);
  std::size_t texts = 0;
  for (std::string line; std::getline(lines, line); ++texts) {
    const Json entry = parse_json(line, path);
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      INFO(kKinds[kind] << ": " << line);
      REQUIRE(tokenizers[kind].encode(entry[0].get<std::string>()) == entry[1][kind].get<std::vector<Token>>());
    }
  }
  CHECK(texts > 0);
}
