// SPDX-License-Identifier: Apache-2.0
#pragma once
// The logits that samplers of llama.cpp and transformers keep (tests/data/sampler/generate.py).

#include <string>
#include <vector>

#include "tests/support/infinity.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/sampler/options.hpp"

namespace tutti::test {

struct ReferenceCase {
  std::string description;
  SamplingOptions options;
  std::vector<float> logits;
  std::vector<Token> history;
  std::vector<Token> tokens;  ///< Those left, ascending.
  std::vector<double> probabilities;
};

inline SamplingOptions sampling_options_of(const Json& values, SamplerOrder order) {
  SamplingOptions options;
  options.order = order;
  options.temperature = values.value("temperature", 1.0F);
  options.top_k = values.value("top_k", std::size_t{0});
  options.top_p = values.value("top_p", 1.0F);
  options.min_p = values.value("min_p", 0.0F);
  options.repetition_penalty = values.value("repetition_penalty", 1.0F);
  options.presence_penalty = values.value("presence_penalty", 0.0F);
  options.frequency_penalty = values.value("frequency_penalty", 0.0F);
  if (values.contains("penalty_last_n"))
    options.penalty_last_n = values["penalty_last_n"].get<std::size_t>();
  for (const auto& bias : values.value("logit_bias", Json::array())) {
    options.logit_bias.emplace_back(bias[0].get<Token>(),
                                    bias[1].is_string() ? -kInfinity : bias[1].get<float>());
  }
  return options;
}

/// The cases of the program that applies samplers in this order.
inline std::vector<ReferenceCase> reference_cases(SamplerOrder order) {
  const std::string name = order == SamplerOrder::llama_cpp ? "llama_cpp.json"
                                                            : "hugging_face.json";
  const Json golden = read_json_file(std::string(TUTTI_TEST_DATA "/sampler/") + name);
  std::vector<ReferenceCase> cases;
  for (const Json& expected : golden.at("cases")) {
    cases.push_back({expected.at("options").dump(),
                     sampling_options_of(expected.at("options"), order),
                     golden.at("logits").at(expected.at("row").get<std::size_t>()),
                     expected.at("history"), expected.at("tokens"), expected.at("probabilities")});
  }
  return cases;
}

}  // namespace tutti::test
