// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/load_experts.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/transformer/support.hpp"

namespace tutti {
namespace {

using test::checkpoint;
using test::contains;
using test::TemporaryDirectory;
using Paths = std::vector<std::filesystem::path>;

Experts<Cpu> load(const Paths& paths) { return load_experts<Cpu>(find_experts(paths)); }

/// Makes `directory / name` one of the tiny checkpoints.
void link(const TemporaryDirectory& directory, const std::string& name, const char* target) {
  std::filesystem::create_symlink(checkpoint(target), directory.path() / name);
}

TEST_CASE("Paths of models are experts in their order, and a model given twice is read once",
          "[experts]") {
  const Experts<Cpu> experts = load(
      {checkpoint("llama"), checkpoint("llama_second"), checkpoint("llama")});
  REQUIRE(experts.models.size() == 3);
  CHECK(experts.models[1].weights().source == checkpoint("llama_second").string());
  CHECK(&experts.models[0].weights() == &experts.models[2].weights());
  CHECK(experts.tokenizer == nullptr);  // these checkpoints have none
}

TEST_CASE("A directory of models gives one expert each, in the order of their names", "[experts]") {
  const TemporaryDirectory directory;
  link(directory, "b", "llama");
  link(directory, "a", "llama_second");
  directory.write("README.md", "not a model");
  directory.write("notes/x.txt", "nor is this");
  const ExpertPaths found = find_experts(Paths{directory.path()});
  CHECK(found.models == Paths{directory.path() / "a", directory.path() / "b"});
  CHECK(found.adapters.empty());
  CHECK(load_experts<Cpu>(found).models.size() == 2);
}

TEST_CASE("GGUF files are found in a directory too", "[experts]") {
  const ExpertPaths found = find_experts(Paths{checkpoint("gguf")});
  REQUIRE(found.models.size() == 9);
  CHECK(found.models.front() == checkpoint("gguf") / "bf16.gguf");
}

TEST_CASE("The parts of a split GGUF file are one model of a directory", "[experts]") {
  const TemporaryDirectory directory;
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf",
                           "a-00002-of-00002.gguf", "other-1-of-2.gguf"}) {
    directory.write(name, "");
  }
  const ExpertPaths found = find_experts(Paths{directory.path()});
  CHECK(found.models == Paths{directory.path() / "a-00002-of-00002.gguf",
                              directory.path() / "m-00001-of-00002.gguf",
                              directory.path() / "other-1-of-2.gguf"});
}

TEST_CASE("Each expert has the end tokens of its own files", "[experts]") {
  const TemporaryDirectory directory;
  for (const auto& [name, eos] : {std::pair("a", "[2, 7]"), std::pair("b", "9")}) {
    for (const char* file : {"config.json", "model.safetensors"}) {
      std::filesystem::create_directories(directory.path() / name);
      std::filesystem::create_symlink(checkpoint("llama") / file, directory.path() / name / file);
    }
    directory.write(std::string(name) + "/generation_config.json",
                    R"({"eos_token_id": )" + std::string(eos) + "}");
  }
  const Experts<Cpu> experts = load({directory.path()});
  CHECK(experts.models[0].config().eos_tokens == std::vector<Token>{2, 7});
  CHECK(experts.models[1].config().eos_tokens == std::vector<Token>{2, 9});
}

TEST_CASE(
    "A base and a directory of adapters give an expert for each adapter, which share the base",
    "[experts]") {
  const TemporaryDirectory directory;
  link(directory, "one", "lora_all");
  link(directory, "two", "lora_rs");
  const Experts<Cpu> experts = load(
      {checkpoint("llama"), directory.path(), checkpoint("lora_pattern")});
  REQUIRE(experts.models.size() == 3);
  CHECK_THAT(experts.models[2].weights().source, contains("lora_pattern"));
  const auto query = [&](std::size_t e) { return experts.models[e].weights().layers[0].query; };
  CHECK(query(0).weight.data == query(1).weight.data);
  CHECK(query(0).delta.has_value());
}

TEST_CASE("Adapters need exactly one base", "[experts]") {
  CHECK_THROWS_WITH(find_experts(Paths{checkpoint("lora_all")}),
                    contains("1 adapters on 0 models: give one model, their base"));
  CHECK_THROWS_WITH(find_experts(Paths{checkpoint("llama"), checkpoint("llama_second"),
                                       checkpoint("lora_all"), checkpoint("lora_rs")}),
                    contains("2 adapters on 2 models"));
  CHECK_THROWS_WITH(
      load_experts<Cpu>({{checkpoint("llama"), checkpoint("llama")}, {checkpoint("lora_all")}}),
      contains("1 adapters on 2 models"));
}

TEST_CASE("Paths that hold no expert are refused", "[experts]") {
  const TemporaryDirectory directory;
  directory.write("README.md", "");
  CHECK_THROWS_WITH(find_experts(Paths{directory.path()}),
                    contains("none of its 1 entries is an expert: a .gguf file, or a directory"));
  CHECK_THROWS_WITH(find_experts(Paths{directory.path() / "no"}),
                    contains("no: no such file or directory"));
  CHECK_THROWS_WITH(find_experts(Paths{}), contains("needs at least one expert"));
  CHECK_THROWS_WITH(load_experts<Cpu>(ExpertPaths{}), contains("there are 0 models"));
  CHECK_THROWS_WITH(
      load({directory.path() / "README.md"}),
      contains("README.md: does not begin with \"GGUF\""));  // a file counts as a model
}

TEST_CASE("Experts of different shapes are refused with both values", "[experts]") {
  CHECK_THROWS_WITH(
      load({checkpoint("llama"), checkpoint("llama_second"), checkpoint("llama_head_dim")}),
      contains("expert 2 (" + checkpoint("llama_head_dim").string() + ") does not fit expert 0 (" +
               checkpoint("llama").string() + "): hidden size is 36 instead of 32"));
}

TEST_CASE("A language model and a reward model are no experts of one ensemble", "[experts]") {
  CHECK_THROWS_WITH(load({checkpoint("llama"), checkpoint("reward")}),
                    contains("the language model's head is absent instead of [96, 32]"));
  CHECK_THROWS_WITH(load({checkpoint("reward"), checkpoint("reward_three")}),
                    contains("the value head (score.weight) is [3, 32] instead of [1, 32]"));
}

/// The checkpoint `target` under `name`, with a tokenizer of its own: a 0, b 1, ab 2 and `last` 3.
std::filesystem::path with_tokenizer(const TemporaryDirectory& directory, const std::string& name,
                                     const char* target, const char* last) {
  directory.write(name + "/tokenizer.json",
                  R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
          "decoder": {"type": "ByteLevel"},
                      "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, ")" +
                      std::string(last) + R"(": 3}, "merges": [["a", "b"]]}})");
  for (const char* file : {"config.json", "model.safetensors"}) {
    std::filesystem::create_symlink(checkpoint(target) / file, directory.path() / name / file);
  }
  return directory.path() / name;
}

TEST_CASE("Experts have one tokenizer, that of the first which has any", "[experts]") {
  const TemporaryDirectory directory;
  const auto one = with_tokenizer(directory, "one", "llama", "c");
  const auto two = with_tokenizer(directory, "two", "llama_second", "c");
  const Experts<Cpu> experts = load({checkpoint("llama"), one, two});
  REQUIRE(experts.tokenizer != nullptr);
  CHECK(experts.tokenizer->encode("abc") == std::vector<Token>{2, 3});
}

TEST_CASE("Every expert has its own end tokens: its configuration's and its tokenizer's",
          "[experts]") {
  const TemporaryDirectory directory;
  const auto one = with_tokenizer(directory, "one", "llama", "c");
  const auto two = with_tokenizer(directory, "two", "llama", "c");
  directory.write("two/tokenizer_config.json", R"({"eos_token": "c"})");
  Json config = read_json_file(checkpoint("llama") / "config.json");
  config["eos_token_id"] = {7, 8};
  std::filesystem::remove(two / "config.json");
  directory.write("two/config.json", config.dump());
  const Experts<Cpu> experts = load({one, two, one});
  using Tokens = std::vector<Token>;
  CHECK(experts.end_tokens == std::vector<Tokens>{{2}, {7, 8, 3}, {2}});
  const TextCodec codec = experts.codec();
  CHECK(codec.expert_end_tokens == experts.end_tokens);
  CHECK(codec.encode("abc") == Tokens{2, 3});
  // Without a tokenizer there are end tokens too; adapters have those of their base.
  const Experts<Cpu> adapters = load(
      {checkpoint("llama"), checkpoint("lora_all"), checkpoint("lora_rs")});
  CHECK(adapters.codec().expert_end_tokens == std::vector<Tokens>{{2}, {2}});
  CHECK_FALSE(adapters.codec().encode);
}

TEST_CASE("Tokenizers that differ are refused with the experts, the token and both texts",
          "[experts]") {
  const TemporaryDirectory directory;
  const auto one = with_tokenizer(directory, "one", "llama", "c");
  const auto two = with_tokenizer(directory, "two", "llama_second", "d");
  CHECK_THROWS_WITH(
      load({one, two}),
      contains("expert 1 (" + two.string() + ") does not fit expert 0 (" + one.string() +
               "): token 3 is \"d\" instead of \"c\"; experts must share one tokenizer"));
}

TEST_CASE("A tokenizer of more tokens than the model has is refused", "[experts]") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.path() / "m");
  for (const char* file : {"config.json", "model.safetensors"}) {
    std::filesystem::create_symlink(checkpoint("llama") / file, directory.path() / "m" / file);
  }
  std::filesystem::create_symlink(
      std::filesystem::path(TUTTI_TEST_DATA) / "text" / "tokenizer_gpt2.json",
      directory.path() / "m" / "tokenizer.json");
  CHECK_THROWS_WITH(
      load({directory.path() / "m"}),
      contains("the tokenizer has 710 tokens, the model 96: they do not belong together"));
}

}  // namespace
}  // namespace tutti
