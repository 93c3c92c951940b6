// SPDX-License-Identifier: Apache-2.0
// Structured output: every candidate of every expert is JSON that is valid under a schema.
//
//   build/demo/examples/structured_output [model.gguf]
//
// Prints the candidates, and the members of the picked one.
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/grammar/grammar_filter.hpp"
#include "tutti/tutti.hpp"

constexpr const char* kSchema = R"({
  "type": "object",
  "properties": {
    "city": {"type": "string", "minLength": 1, "maxLength": 30},
    "country": {"enum": ["France", "Germany", "Spain"]},
    "population": {"type": "integer", "minimum": 1000, "maximum": 100000000},
    "is_capital": {"type": "boolean"}
  },
  "required": ["city", "country", "population", "is_capital"]
})";

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "models/SmolLM2-135M-Instruct.Q4_1.gguf";
  try {
    const auto schema = tutti::Grammar::json_schema(kSchema);
    // One trie per tokenizer; one filter serves all requests with the same grammar.
    const tutti::TokenTrie vocabulary(tutti::Tokenizer::from_gguf(tutti::GgufFile(path)));
    const tutti::GrammarFilter filter(schema, vocabulary);

    const std::vector<std::filesystem::path> paths(2, path);
    tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths), tutti::MeanLogProbability{});
    tutti::Request request;
    request.messages = {{"user", "Describe Paris as JSON: city, country, population, is_capital."}};
    request.samples_per_expert = 4;
    request.max_new_tokens = 64;
    request.sampling.temperature = 1.0F;
    request.filters = {filter};
    const tutti::Result result = ensemble.generate(request);

    std::size_t complete = 0;
    for (const tutti::Candidate& candidate : result.candidates) {
      std::cout << candidate.text << "\n";
      complete += schema.matches(candidate.text) ? 1 : 0;
    }
    std::cout << complete << " of " << result.candidates.size() << " are valid\n";
    const auto picked = nlohmann::json::parse(result.text());
    std::cout << "picked: " << picked.at("city") << " in " << picked.at("country") << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
