// SPDX-License-Identifier: Apache-2.0
// Every shipped model computes what transformers, and peft for adapters, compute
// (tests/data/programs/generate.py).

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "programs/vocabulary.hpp"
#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/formats/json.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

const std::filesystem::path kModels = std::filesystem::path(TUTTI_TEST_DATA) / ".." / ".." /
                                      "studies" / "program_synthesis" / "models";

Json expected_logits() {
  return read_json_file(std::filesystem::path(TUTTI_TEST_DATA) / "programs" / "logits.json");
}

TestModel load_model(const std::string& name) {
  const std::filesystem::path path = kModels / name;
  if (!std::filesystem::exists(path / "adapter_config.json")) return TestModel::load(path);
  return TestModel::load(kModels / "base").with_adapter(path);
}

/// The largest |difference| of some logits from those expected.
double largest_difference(const std::vector<float>& computed, const Json& expected) {
  const auto ids = expected.at("ids").get<std::vector<std::size_t>>();
  const auto logits = expected.at("logits").get<std::vector<double>>();
  REQUIRE(ids.size() == logits.size());
  double largest = 0;
  for (std::size_t i = 0; i < ids.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(computed.at(ids[i])) - logits[i]));
  return largest;
}

}  // namespace

TEST_CASE("every shipped program model has the logits of transformers") {
  const Json expected = expected_logits();
  const auto sequences = expected.at("tokens").get<std::vector<std::vector<Token>>>();
  REQUIRE(sequences.size() == 2);
  for (const auto& [name, values] : expected.at("models").items()) {
    CAPTURE(name);
    const TestModel model = load_model(name);
    CHECK(model.vocabulary_size() == programs::kVocabularySize);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      CHECK(largest_difference(logits_alone(model, sequences[s], exact_cache()), values.at(s)) <=
            1e-4);
    }
  }
}

TEST_CASE("no program model is shipped without expected logits") {
  const Json models = expected_logits().at("models");
  std::size_t shipped = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    if (!entry.is_directory()) continue;
    CAPTURE(entry.path().filename().string());
    CHECK(models.contains(entry.path().filename().string()));
    ++shipped;
  }
  CHECK(shipped == models.size());
}
