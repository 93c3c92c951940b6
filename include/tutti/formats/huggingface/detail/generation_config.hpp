// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of generation_config.json, whose keys older models have in config.json. End tokens are
// merged into the model's; sampling settings become ModelConfig::generation_defaults; constraints
// on the tokens that may be generated are refused. Lengths, search methods and outputs are up to
// the caller's request and ignored.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/architecture/model_config.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/huggingface/detail/config_keys.hpp"
#include "tutti/formats/json.hpp"

namespace tutti::detail {

/// A token id; null and the -1 of old files mean that there is none.
[[nodiscard]] inline std::optional<Token> hf_token(const Json& config, const std::string& key,
                                                   Token fallback, const std::string& file) {
  const std::optional<Token> token = config.contains(key) ? json_optional<Token>(config, key, file)
                                                          : fallback;
  return token == -1 ? std::nullopt : token;
}

/// One id or a list of them.
[[nodiscard]] inline std::vector<Token> hf_eos_tokens(const Json& config, Token fallback,
                                                      const std::string& file) {
  if (const Json* value = json_find(config, "eos_token_id");
      value != nullptr && value->is_array()) {
    return json_get<std::vector<Token>>(config, "eos_token_id", file);
  }
  const std::optional<Token> token = hf_token(config, "eos_token_id", fallback, file);
  return token ? std::vector<Token>{*token} : std::vector<Token>{};
}

inline void add_eos_tokens(ModelConfig& config, const std::vector<Token>& tokens) {
  for (const Token token : tokens) {
    std::vector<Token>& known = config.eos_tokens;
    if (std::find(known.begin(), known.end(), token) == known.end()) known.push_back(token);
  }
}

/// Sampling settings and constraints, from generation_config.json or config.json. Settings that are
/// absent keep their values.
/// @throws FormatError for constraints on the tokens that may be generated.
inline void read_generation_keys(const Json& json, const std::string& file, ModelConfig& config) {
  constexpr std::array<std::string_view, 9> kConstraints{
      "bad_words_ids",       "suppress_tokens",     "begin_suppress_tokens",
      "forced_bos_token_id", "forced_eos_token_id", "sequence_bias",
      "force_words_ids",     "constraints",         "watermarking_config"};
  for (const std::string_view key : kConstraints) {
    const Json* value = json_find(json, key);
    require<FormatError>(value == nullptr || (value->is_structured() && value->empty()), file, ": ",
                         in_quotes(key), " is ", found_text(value == nullptr ? json : *value),
                         ", but constraints on tokens are not read from files; remove the key and "
                         "constrain the request instead");
  }
  const auto guidance = json_optional<double>(json, "guidance_scale", file);
  require<FormatError>(guidance.value_or(1) == 1, file, ": \"guidance_scale\" is ",
                       guidance.value_or(1), ", only 1 is supported");
  GenerationDefaults& defaults = config.generation_defaults;
  const auto read = [&]<class T>(std::optional<T>& setting, const char* key) {
    if (auto value = json_optional<T>(json, key, file)) setting = value;
  };
  read(defaults.do_sample, "do_sample");
  read(defaults.temperature, "temperature");
  read(defaults.top_k, "top_k");
  read(defaults.top_p, "top_p");
  read(defaults.min_p, "min_p");
  read(defaults.typical_p, "typical_p");
  read(defaults.repetition_penalty, "repetition_penalty");
}

/// Reads generation_config.json into `config`, which has been read from `model_json`, config.json.
/// End tokens add to those that config.json states; a default of the family's class gives way.
inline void read_generation_config(const Json& json, const std::string& file,
                                   const Json& model_json, ModelConfig& config) {
  require<FormatError>(json.is_object(), file, ": expected an object, found ", found_text(json));
  if (json_find(json, "eos_token_id") != nullptr) {
    if (!model_json.contains("eos_token_id")) config.eos_tokens.clear();
    add_eos_tokens(config, hf_eos_tokens(json, -1, file));
  }
  const std::optional<Token> bos = hf_token(json, "bos_token_id", -1, file);
  if (bos && json_find(model_json, "bos_token_id") == nullptr) config.bos_token = bos;
  const std::optional<Token> pad = hf_token(json, "pad_token_id", -1, file);
  if (!config.pad_token && pad && static_cast<std::size_t>(*pad) < config.vocabulary_size)
    config.pad_token = pad;
  read_generation_keys(json, file, config);
}

}  // namespace tutti::detail
