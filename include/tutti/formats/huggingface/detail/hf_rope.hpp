// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reads the rotary settings of config.json. transformers 5 keeps them in `rope_parameters`, with
// one section per kind of layer where these differ; earlier versions have `rope_theta` and
// `rope_local_base_freq` beside `rope_scaling`.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tutti/architecture/architecture.hpp"
#include "tutti/architecture/model_config.hpp"
#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/huggingface/detail/config_keys.hpp"
#include "tutti/formats/json.hpp"

namespace tutti::detail {

struct RopeSettings {
  float theta = 0;
  std::optional<RopeScaling> scaling;
};

/// Refuses the keys of a section that its type does not use, unless they are switched off.
inline void refuse_unknown_rope_keys(const Json& rope, const std::string& type,
                                     const std::string& where) {
  constexpr std::array<std::string_view, 6> kAlwaysKnown{
      "rope_theta", "rope_type",
      "type",       "partial_rotary_factor",
      "finetuned",  "original_max_position_embeddings"};
  for (const auto& [name, value] : rope.items()) {
    const bool is_known = is_one_of(name, kAlwaysKnown) ||
                          (name == "factor" && type != "default") ||
                          (type == "llama3" &&
                           (name == "low_freq_factor" || name == "high_freq_factor"));
    require<FormatError>(is_known || is_off(name, value), where, ": ", in_quotes(name), " is ",
                         found_text(value), ", which a \"rope_type\" of ", in_quotes(type),
                         " does not use; remove it if the model was trained without it");
  }
}

/// Reads one section; `theta` is used where it has none.
[[nodiscard]] inline RopeSettings read_rope_section(const Json& rope, const std::string& where,
                                                    float theta) {
  require<FormatError>(rope.is_object(), where, ": expected an object, found ", found_text(rope));
  RopeSettings result;
  result.theta = json_get<float>(rope, "rope_theta", where, theta);
  const double rotated = json_get<double>(rope, "partial_rotary_factor", where, 1.0);
  require<FormatError>(rotated == 1.0, where, ": \"partial_rotary_factor\" is ", rotated,
                       ", only 1 is supported");

  const std::string legacy_type = json_get<std::string>(rope, "type", where, "default");
  const std::string type = json_get<std::string>(rope, "rope_type", where, legacy_type);
  if (type == "default" || type == "linear" || type == "llama3")
    refuse_unknown_rope_keys(rope, type, where);
  if (type == "default") return result;
  RopeScaling scaling;
  if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::llama3;
    scaling.low_freq_factor = json_get<float>(rope, "low_freq_factor", where);
    scaling.high_freq_factor = json_get<float>(rope, "high_freq_factor", where);
    scaling.original_context_length = json_get<std::size_t>(
        rope, "original_max_position_embeddings", where);
  } else {
    require<FormatError>(type == "linear", where, ": \"rope_type\" is ", in_quotes(type),
                         "; supported are \"default\", \"linear\" and \"llama3\"");
  }
  scaling.factor = json_get<float>(rope, "factor", where);
  result.scaling = scaling;
  return result;
}

/// The name of the object with the settings. An empty one counts as absent, as in transformers.
[[nodiscard]] inline std::string rope_section_name(const Json& config, const std::string& file) {
  const auto given = [&](const char* name) {
    const Json* section = json_find(config, name);
    return section == nullptr || (section->is_object() && section->empty()) ? nullptr : section;
  };
  const Json* scaling = given("rope_scaling");
  const Json* parameters = given("rope_parameters");
  require<FormatError>(scaling == nullptr || parameters == nullptr || *scaling == *parameters, file,
                       ": both \"rope_scaling\" and \"rope_parameters\" are given: keep one");
  return parameters != nullptr ? "rope_parameters" : "rope_scaling";
}

inline void read_hf_rope(const Json& config, const Architecture& family, const std::string& file,
                         ModelConfig& result) {
  const double rotated = json_get<double>(config, "partial_rotary_factor", file, 1.0);
  require<FormatError>(rotated == 1.0, file, ": \"partial_rotary_factor\" is ", rotated,
                       ", only 1 is supported");
  const std::string section = rope_section_name(config, file);
  const std::string where = file + ": " + section;
  const Json empty = Json::object();
  const Json* rope = json_find(config, section);
  if (rope == nullptr) rope = &empty;
  const Json* full = rope;
  const Json* sliding = &empty;
  if (rope->is_object() && (json_find(*rope, "full_attention") != nullptr ||
                            json_find(*rope, "sliding_attention") != nullptr)) {
    const Json* full_section = json_find(*rope, "full_attention");
    const Json* sliding_section = json_find(*rope, "sliding_attention");
    full = full_section == nullptr ? &empty : full_section;
    if (sliding_section != nullptr) sliding = sliding_section;
  }

  const RopeSettings settings = read_rope_section(
      *full, where, json_get<float>(config, "rope_theta", file, family.defaults.rope_theta));
  result.rope_theta = settings.theta;
  result.rope_scaling = settings.scaling;
  const bool has_own = family.defaults.sliding_rope_theta != 0;
  const float sliding_theta = has_own ? json_get<float>(config, "rope_local_base_freq", file,
                                                        family.defaults.sliding_rope_theta)
                                      : settings.theta;
  const RopeSettings of_sliding = read_rope_section(*sliding, where, sliding_theta);
  require<FormatError>(!of_sliding.scaling, where,
                       ": \"rope_type\" of \"sliding_attention\" is not \"default\", which alone "
                       "is supported there");
  if (has_own || sliding != &empty) result.sliding_rope_theta = of_sliding.theta;
}

}  // namespace tutti::detail
