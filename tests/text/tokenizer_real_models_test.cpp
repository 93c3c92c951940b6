// SPDX-License-Identifier: Apache-2.0
// The tokenizers of real models. SmolLM2's expected ids are those of tokenizers 0.23.3 with the
// file's vocabulary and merges, the rendered chat is that of transformers 5.24.0.
// The ids of further texts are llama.cpp's (tests/data/real_models/generate.py).

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

using namespace tutti;

namespace {

using Tokens = std::vector<Token>;

std::optional<Tokenizer> smollm2() {
  const char* named = std::getenv("TUTTI_SMOLLM2");
  const std::filesystem::path path = named != nullptr ? named
                                                      : TUTTI_MODEL_DIR
                                         "/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!std::filesystem::exists(path)) {
    WARN("SKIPPED: " << path.string()
                     << " is not there; fetch it by `cmake -P cmake/fetch_model.cmake`");
    return std::nullopt;
  }
  return Tokenizer::from_gguf(GgufFile(path));
}

}  // namespace

TEST_CASE("SmolLM2 tokenizes as the tokenizers package does", "[text][tokenizer][model]") {
  const std::optional<Tokenizer> tokenizer = smollm2();
  if (!tokenizer) return;
  CHECK(tokenizer->vocabulary_size() == 49152);
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->eos() == 2);
  CHECK(tokenizer->find("<|im_end|>") == 2);

  const auto check = [&tokenizer](const std::string& text, const Tokens& ids) {
    INFO(text);
    CHECK(tokenizer->encode(text) == ids);
    CHECK(tokenizer->decode(ids, false) == text);
  };
  check("Hello, world!", {19556, 28, 905, 17});
  check("The capital of France is", {504, 3575, 282, 4649, 314});
  check(" 1984 + 2 = 3", {216, 33, 41, 40, 36, 1232, 216, 34, 446, 216, 35});
  check("I'm sure they'll say it isn't.", {57, 5248, 2090, 502, 3060, 1643, 357, 3247, 982, 30});
  check("<|im_start|>user\nHi<|im_end|>\n", {1, 4093, 198, 26843, 2, 198});
  check("naïve café — 東京 👍🏽",
        {3546, 46494, 37366, 1841, 17097, 247, 126, 16736, 122, 15107, 235, 231, 10813, 233, 138});
  check("\tif (x != 0) {\n\n    return;\r\n}",
        {197, 342, 365, 104, 6541, 216, 32, 25, 1662, 1004, 1003, 43, 201, 198, 109});
}

namespace {

/// Checks the ids of the texts of tests/data/real_models/NAME.json; skips if the model is absent.
void check_against_llama_cpp(const std::filesystem::path& file, const char* name,
                             const char* fetch) {
  if (!std::filesystem::exists(file))
    TUTTI_SKIP(file.string() << " is not there; fetch it by `" << fetch << "`");
  const Tokenizer tokenizer = Tokenizer::from_gguf(GgufFile(file));
  const Json data = read_json_file(std::filesystem::path(TUTTI_TEST_DATA) / "real_models" /
                                   (std::string(name) + ".json"));
  for (const char* group : {"texts", "greedy"}) {
    for (const Json& entry : data.at(group)) {
      const bool prompt = entry.contains("prompt");
      const std::string text = entry.at(prompt ? "prompt" : "text");
      INFO(text);
      CHECK(tokenizer.encode(text, {.add_special = false}) ==
            entry.at(prompt ? "prompt_tokens" : "tokens").get<Tokens>());
    }
  }
}

}  // namespace

TEST_CASE("SmolLM2 tokenizes texts and prompts as llama.cpp does", "[text][tokenizer][model]") {
  check_against_llama_cpp(TUTTI_MODEL_DIR "/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2",
                          "cmake -P cmake/fetch_model.cmake");
}

TEST_CASE("Gemma 3 tokenizes texts and prompts as llama.cpp does", "[text][tokenizer][model]") {
  check_against_llama_cpp(TUTTI_MODEL_DIR "/gemma-3-270m-q4_k_m.gguf", "gemma3",
                          "cmake -D MODEL=gemma3-270m -P cmake/fetch_model.cmake");
}

TEST_CASE("SmolLM2 has no token for some control characters, which are dropped",
          "[text][tokenizer][model]") {
  const std::optional<Tokenizer> tokenizer = smollm2();
  if (!tokenizer) return;
  CHECK(tokenizer->encode("\x04\x06gone") == Tokens{19454});
}

TEST_CASE("SmolLM2's chat begins with its system message", "[text][chat_template][model]") {
  const std::optional<Tokenizer> tokenizer = smollm2();
  if (!tokenizer) return;
  const std::string prompt = ChatTemplate::from_text(tokenizer->chat_template())
                                 .render(std::vector<ChatMessage>{{"user", "Hi"}});
  CHECK(tokenizer->encode(prompt) == Tokens{1,     9690,  198,  2683, 359,   253,  5356, 5646,
                                            11173, 3365,  3511, 308,  34519, 28,   7018, 411,
                                            407,   19712, 8182, 2,    198,   1,    4093, 198,
                                            26843, 2,     198,  1,    520,   9531, 198});
}
