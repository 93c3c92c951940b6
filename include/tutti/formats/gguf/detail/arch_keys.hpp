// SPDX-License-Identifier: Apache-2.0
#pragma once
// The metadata keys of one arch, and the decision about those that the reader does not use: all of
// them are hyperparameters, so an unknown one is refused unless it is switched off
// (docs/model_keys.md).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/architecture/architecture.hpp"
#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"

namespace tutti::detail {

/// The keys of one arch: "llama.context_length" is called "context_length" here.
class GgufArchKeys {
 public:
  GgufArchKeys(const GgufFile& gguf, const Architecture& family)
      : gguf_(gguf), prefix_(std::string(family.gguf_name) + ".") {}

  [[nodiscard]] std::string name(std::string_view key) const { return prefix_ + std::string(key); }
  template <class T>
  [[nodiscard]] T get(std::string_view key) const {
    return gguf_.metadata().get<T>(name(key));
  }
  template <class T>
  [[nodiscard]] T get(std::string_view key, T fallback) const {
    return gguf_.metadata().get<T>(name(key), std::move(fallback));
  }
  template <class T>
  [[nodiscard]] std::optional<T> find(std::string_view key) const {
    return gguf_.metadata().find<T>(name(key));
  }
  [[nodiscard]] bool is_number_array(std::string_view key) const {
    return gguf_.metadata().is_number_array(name(key));
  }

  /// A size that may also be given per layer, if all layers have the same.
  [[nodiscard]] std::optional<std::size_t> find_uniform(std::string_view key) const {
    if (!is_number_array(key)) return find<std::size_t>(key);
    const auto sizes = get<std::vector<std::size_t>>(key);
    const bool is_uniform = !sizes.empty() &&
                            std::count(sizes.begin(), sizes.end(), sizes.front()) ==
                                static_cast<std::ptrdiff_t>(sizes.size());
    require<FormatError>(is_uniform, gguf_.path(), ": ", in_quotes(name(key)), " is ",
                         gguf_.metadata().description(name(key)),
                         "; only one value for all layers is supported");
    return sizes.front();
  }

  /// @throws FormatError naming a key of this arch that the reader does not know, with its value.
  void refuse_unknown() const {
    for (const std::string_view key : gguf_.metadata().keys()) {
      if (!key.starts_with(prefix_)) continue;
      const std::string_view suffix = key.substr(prefix_.size());
      require<FormatError>(is_known(suffix) || is_off(suffix), gguf_.path(), ": ", in_quotes(key),
                           " is ", gguf_.metadata().description(key),
                           ", which is not supported for this architecture");
    }
  }

 private:
  /// Used by the reader, or without effect on what is computed.
  static bool is_known(std::string_view suffix) {
    constexpr std::array<std::string_view, 26> kKnown{
        "vocab_size",
        "context_length",
        "embedding_length",
        "feed_forward_length",
        "block_count",
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "attention.layer_norm_epsilon",
        "attention.layer_norm_rms_epsilon",
        "attention.sliding_window",
        "attention.sliding_window_pattern",
        "rope.dimension_count",
        "rope.freq_base",
        "rope.freq_base_swa",
        "rope.scale_linear",
        "rope.scaling.type",
        "rope.scaling.factor",
        "rope.scaling.original_context_length",
        "rope.scaling.finetuned",
        "tensor_data_layout",  // how the converter permuted rotary pairs
        "classifier.output_labels",
        "attn_logit_softcapping",  // these three are refused by value elsewhere
        "final_logit_softcapping",
        "expert_count"};
    return std::find(kKnown.begin(), kKnown.end(), suffix) != kKnown.end();
  }

  /// Whether the value leaves the part that the key speaks of switched off.
  [[nodiscard]] bool is_off(std::string_view suffix) const {
    const GgufMetadata& metadata = gguf_.metadata();
    const std::string key = name(suffix);
    const auto text = metadata.find_if<std::string_view>(key);
    if (text) return text->empty();
    const auto flag = metadata.find_if<bool>(key);
    if (flag) return *flag == (suffix == "attention.causal");
    auto number = metadata.find_if<double>(key);
    if (const auto whole = metadata.find_if<std::int64_t>(key))
      number = static_cast<double>(*whole);
    if (!number) return false;
    const bool is_factor = suffix.ends_with("scale") || suffix.ends_with("factor");
    return *number == 0 || (*number == 1 && is_factor);
  }

  const GgufFile& gguf_;
  std::string prefix_;
};

}  // namespace tutti::detail
