// SPDX-License-Identifier: Apache-2.0
// Token ids and texts against tokenizers, sentencepiece and llama.cpp: the expected values were
// written by tests/data/text/generate.py and generate_decodings.py.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/ensemble/text_assembler.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace {

using namespace tutti;

const std::string kData = std::string(TUTTI_TEST_DATA) + "/text/";
constexpr std::array<const char*, 7> kKinds{"gpt2",   "llama3",  "qwen2", "smollm",
                                            "llama2", "mistral", "gemma"};
constexpr std::array<const char*, 2> kSentencePieceKinds{"llama2", "gemma"};

Tokenizer reference_tokenizer(const std::string& kind) {
  return Tokenizer::from_hf(kData + "tokenizer_" + kind + ".json");
}

Tokenizer gguf_tokenizer(const std::string& kind) {
  return Tokenizer::from_gguf(GgufFile(kData + "sentencepiece_" + kind + ".gguf"));
}

/// The generator of tests/data/text/generate.py, SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::size_t below(std::size_t bound) {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return static_cast<std::size_t>((z ^ (z >> 31)) % bound);
  }

 private:
  std::uint64_t state_;
};

/// As random_string of generate.py.
std::string random_string(std::uint64_t seed, const std::vector<std::string>& fragments) {
  constexpr std::array<std::size_t, 4> kCodePoints{0x250, 0x3000, 0x20000, 0x110000};
  constexpr std::array<std::size_t, 6> kRepeats{1, 1, 1, 1, 2, 3};
  Random random(seed);
  std::string text;
  for (std::size_t parts = std::size_t{1} << random.below(5); parts > 0; --parts) {
    if (random.below(12) == 0) {
      const std::size_t bound = kCodePoints[random.below(4)];
      append_utf8(text, static_cast<char32_t>(random.below(bound)));
    } else {
      const std::string& fragment = fragments[random.below(fragments.size())];
      for (std::size_t repeat = kRepeats[random.below(6)]; repeat > 0; --repeat) text += fragment;
    }
  }
  return text;
}

/// FNV-1a over the tokens, one step each, and -1 after them.
void add_to_hash(std::uint64_t& hash, std::vector<Token> tokens) {
  tokens.push_back(-1);
  for (const Token token : tokens)
    hash = (hash ^ static_cast<std::uint32_t>(token)) * 0x100000001B3U;
}

std::string hex_of(std::uint64_t hash) {
  std::ostringstream hex;
  hex << std::hex << std::setw(16) << std::setfill('0') << hash;
  return hex.str();
}

/// Checks the ids of 10,000 random strings, `encode(text)`, by the hashes that generate.py wrote
/// for every 100 of them.
template <class Encode>
void check_random_strings(const std::string& kind, Encode encode) {
  const Json random = read_json_file(kData + "random.json");
  const auto fragments = random["fragments"].get<std::vector<std::string>>();
  REQUIRE(random[kind].size() == 100);
  for (std::uint64_t group = 0; group < 100; ++group) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    for (std::uint64_t i = 0; i < 100; ++i)
      add_to_hash(hash, encode(random_string(100 * group + i, fragments)));
    INFO(kind << ": strings " << 100 * group << " to " << 100 * group + 99);
    REQUIRE(hex_of(hash) == random[kind][group].get<std::string>());
  }
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

TEST_CASE("token ids and decoded text are those of the tokenizers package on every case",
          "[text][tokenizer][text_libraries]") {
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

TEST_CASE("invalid UTF-8 gets the token ids of the text in which Python replaced it",
          "[text][tokenizer][text_libraries]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    for (std::size_t i = 0; i < cases["invalid_hex"].size(); ++i) {
      const std::string bytes = from_hex(cases["invalid_hex"][i].get<std::string>());
      INFO(kind << ": " << cases["invalid_hex"][i]);
      REQUIRE(replace_invalid_utf8(bytes) == cases["invalid_repaired"][i].get<std::string>());
      REQUIRE(tokenizer.encode(bytes, {.add_special = false}) ==
              cases[kind]["invalid_ids"][i].get<std::vector<Token>>());
    }
  }
}

TEST_CASE("tokens that are not UTF-8 are decoded as by tokenizers and sentencepiece",
          "[text][tokenizer][text_libraries]") {
  const Json cases = read_json_file(kData + "decodings.json");
  const auto check = [&cases](const std::string& kind, const Tokenizer& tokenizer) {
    for (const Json& expected : cases[kind]) {
      INFO(kind << ": " << expected.dump());
      const auto ids = expected["ids"].get<std::vector<Token>>();
      CHECK(tokenizer.decode(ids) == expected["text"].get<std::string>());
      if (expected.contains("whole"))
        CHECK(tokenizer.decode(ids, false) == expected["whole"].get<std::string>());
    }
  };
  for (const std::string kind : kKinds) check(kind, reference_tokenizer(kind));
  for (const std::string kind : kSentencePieceKinds)
    check("sentencepiece_" + kind, gguf_tokenizer(kind));
}

TEST_CASE("special tokens written in the text are plain text where parse_special is off",
          "[text][tokenizer][text_libraries]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    for (std::size_t i = 0; i < cases["plain_texts"].size(); ++i) {
      INFO(kind << ": " << cases["plain_texts"][i]);
      const auto ids = tokenizer.encode(cases["plain_texts"][i].get<std::string>(),
                                        {.parse_special = false, .add_special = false});
      CHECK(ids == cases[kind]["plain_ids"][i].get<std::vector<Token>>());
    }
  }
}

TEST_CASE("text assembled token by token is the decoded text, in whole code points",
          "[text][tokenizer][text_libraries]") {
  const Json cases = read_json_file(kData + "cases.json");
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    for (const Json& ids : cases[kind]["ids"]) {
      TextAssembler assembler({});
      std::string text;
      for (const Token token : ids.get<std::vector<Token>>()) {
        if (tokenizer.is_special(token)) continue;
        const std::string part(assembler.append_bytes(tokenizer.token_bytes(token)));
        REQUIRE(is_valid_utf8(part));
        text += part;
      }
      text += assembler.finish_text();
      const std::string decoded = tokenizer.decode(ids.get<std::vector<Token>>());
      // decode may remove the space that the tokenizer puts before a text.
      REQUIRE((text == decoded || text == ' ' + decoded));
    }
  }
}

TEST_CASE("token ids are those of the tokenizers package on 10,000 random strings",
          "[text][tokenizer][text_libraries]") {
  for (const std::string kind : kKinds) {
    const Tokenizer tokenizer = reference_tokenizer(kind);
    check_random_strings(kind, [&](const std::string& text) { return tokenizer.encode(text); });
  }
}

TEST_CASE("token ids from GGUF are those of sentencepiece on 10,000 random strings",
          "[text][tokenizer_gguf]") {
  for (const std::string kind : kSentencePieceKinds) {
    const Tokenizer tokenizer = gguf_tokenizer(kind);
    check_random_strings("sentencepiece_" + kind, [&](const std::string& text) {
      return tokenizer.encode(text, {.parse_special = false, .add_special = false});
    });
  }
}

TEST_CASE("token ids and decoded text from GGUF are those of sentencepiece on every case",
          "[text][tokenizer_gguf]") {
  const Json cases = read_json_file(kData + "cases.json");
  const Json expected = read_json_file(kData + "sentencepiece_cases.json");
  for (const std::string kind : kSentencePieceKinds) {
    const Tokenizer tokenizer = gguf_tokenizer(kind);
    for (std::size_t i = 0; i < cases["texts"].size(); ++i) {
      const auto text = cases["texts"][i].get<std::string>();
      INFO(kind << ": text " << i << ": " << text);
      const auto ids = tokenizer.encode(text, {.parse_special = false, .add_special = false});
      REQUIRE(ids == expected[kind]["ids"][i].get<std::vector<Token>>());
      REQUIRE(tokenizer.decode(ids) == expected[kind]["decoded"][i].get<std::string>());
    }
  }
}

TEST_CASE(
    "special tokens in a SentencePiece model of a GGUF file are found as llama.cpp finds them",
    "[text][tokenizer_gguf]") {
  const Json expected = read_json_file(kData + "sentencepiece_cases.json");
  for (const std::string kind : kSentencePieceKinds) {
    const Tokenizer tokenizer = gguf_tokenizer(kind);
    for (std::size_t i = 0; i < expected["special_texts"].size(); ++i) {
      INFO(kind << ": " << expected["special_texts"][i]);
      CHECK(tokenizer.encode(expected["special_texts"][i].get<std::string>()) ==
            expected[kind]["special_ids"][i].get<std::vector<Token>>());
    }
  }
}

TEST_CASE("a text is split as tokenizers splits it, by every pattern, behavior and inversion",
          "[text][pre_tokenizer_chain][text_libraries]") {
  constexpr std::array<SplitBehavior, 5> kBehaviors{
      SplitBehavior::isolated, SplitBehavior::removed, SplitBehavior::merged_with_previous,
      SplitBehavior::merged_with_next, SplitBehavior::contiguous};
  const Json cases = read_json_file(kData + "cases.json");
  const Json splits = read_json_file(kData + "splits.json");
  for (const auto& [pattern, hashes] : splits["hashes"].items()) {
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      const bool invert = i % 2 == 1;
      const PreTokenizerChain chain({RegexSplitStep{pattern, kBehaviors[i / 2], invert}});
      std::uint64_t hash = 0xCBF29CE484222325U;
      for (const Json& text : splits["texts"]) {
        std::vector<Token> lengths;
        chain.for_each_piece(
            cases["texts"][text.get<std::size_t>()].get<std::string>(), true,
            [&](std::string_view piece) { lengths.push_back(static_cast<Token>(piece.size())); });
        add_to_hash(hash, lengths);
      }
      INFO(pattern << ", behavior " << i / 2 << (invert ? ", inverted" : ""));
      CHECK(hex_of(hash) == hashes[i].get<std::string>());
    }
  }
}

namespace {

/// The file with the cases; an environment variable can name another one, written with another
/// seed.
Json cases_of(const char* name, const char* variable) {
  const char* other = std::getenv(variable);
  return read_json_file(other != nullptr ? std::string(other) : kData + name);
}

}  // namespace

TEST_CASE("random added tokens are found and decoded as by the tokenizers package",
          "[text][added_tokens][text_libraries]") {
  const test::TemporaryDirectory directory;
  for (const Json& expected : cases_of("random_added_tokens.json", "TUTTI_ADDED_TOKENS")) {
    const auto kind = expected["kind"].get<std::string>();
    Json file = read_json_file(kData + "tokenizer_" + kind + ".json");
    file["added_tokens"] = expected["added_tokens"];
    file["post_processor"] = nullptr;
    const Tokenizer tokenizer = Tokenizer::from_hf(directory.write("tokenizer.json", file.dump()));
    for (std::size_t i = 0; i < expected["texts"].size(); ++i) {
      const auto text = expected["texts"][i].get<std::string>();
      INFO(kind << ": " << expected["added_tokens"].dump() << ": " << text);
      const std::vector<Token> ids = tokenizer.encode(text);
      REQUIRE(ids == expected["ids"][i].get<std::vector<Token>>());
      REQUIRE(tokenizer.encode(text, {.parse_special = false}) ==
              expected["plain_ids"][i].get<std::vector<Token>>());
      REQUIRE(tokenizer.decode(ids) == expected["decoded"][i].get<std::string>());
      REQUIRE(tokenizer.decode(ids, false) == expected["with_special"][i].get<std::string>());
    }
  }
}

TEST_CASE("the files beside tokenizer.json are read with the precedence of transformers",
          "[text][tokenizer_json]") {
  for (const Json& expected : cases_of("random_companions.json", "TUTTI_COMPANIONS")) {
    const test::TemporaryDirectory directory;
    for (const auto& [name, file] : expected["files"].items()) directory.write(name, file.dump());
    const Tokenizer tokenizer = Tokenizer::from_hf(directory.path());
    INFO(expected["files"].dump());
    Json named = Json::object();
    for (const NamedToken& token : tokenizer.named_tokens()) named[token.name] = token.text;
    REQUIRE(named == expected["named"]);
    for (std::size_t i = 0; i < expected["texts"].size(); ++i) {
      const auto text = expected["texts"][i].get<std::string>();
      const std::vector<Token> ids = tokenizer.encode(text);
      REQUIRE(ids == expected["ids"][i].get<std::vector<Token>>());
      REQUIRE(tokenizer.decode(ids) == expected["decoded"][i].get<std::string>());
      REQUIRE(tokenizer.decode(ids, false) == expected["with_special"][i].get<std::string>());
    }
  }
}
