// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of a PEFT LoRA adapter: adapter_config.json and adapter_model.safetensors in one
// directory. Gives A, B and the scale of delta W = scale B A per module. Options that would change
// the result and are not supported are refused, never ignored. `fan_in_fan_out` only says how the
// base stores its weight; A [r, in] and B [out, r] are the same either way.

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tutti/base/error.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/huggingface/detail/adapter_config.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/formats/safetensors/safetensors_file.hpp"

namespace tutti {

/// The low-rank delta of one module: y += scale B (A x).
struct LoraModule {
  TensorView a;  ///< [rank, in]
  TensorView b;  ///< [out, rank]
  float scale = 1.0F;
};

/// One adapter. Copies share the mapped file, which keeps the views valid.
class PeftAdapter {
 public:
  /// @throws FormatError when a file is missing or malformed, the two do not agree, or the adapter
  /// is no plain LoRA.
  explicit PeftAdapter(const std::filesystem::path& directory)
      : config_(directory / "adapter_config.json"), file_(directory / "adapter_model.safetensors") {
    read_tensors();
  }

  /// Reads an adapter that is in memory already: the text of adapter_config.json and the bytes of
  /// adapter_model.safetensors, which must outlive this object and its copies; `name` stands for
  /// the directory in errors.
  /// @throws FormatError as above.
  PeftAdapter(std::string_view config, std::span<const std::byte> tensors, const std::string& name)
      : config_(parse_json(config, name + "/adapter_config.json"), name + "/adapter_config.json"),
        file_(tensors, name + "/adapter_model.safetensors") {
    read_tensors();
  }

  /// By module name as in the base's checkpoint: "model.layers.3.self_attn.q_proj".
  [[nodiscard]] const std::map<std::string, LoraModule, std::less<>>& modules() const {
    return modules_;
  }
  /// The delta of `module`, or nullptr when the adapter leaves it alone.
  [[nodiscard]] const LoraModule* find(std::string_view target) const {
    const auto entry = modules_.find(target);
    return entry == modules_.end() ? nullptr : &entry->second;
  }
  /// Weights of the base's embedding and output layers, by module name. PEFT saves them when such a
  /// layer has an adapter or the vocabulary was resized, and overwrites the base's with them.
  [[nodiscard]] const std::map<std::string, TensorView, std::less<>>& saved_layers() const {
    return saved_layers_;
  }
  /// The value head [labels, hidden] that was trained with the adapter, or nullptr.
  [[nodiscard]] const TensorView* value_head() const {
    return value_head_ ? &*value_head_ : nullptr;
  }
  /// "base_model_name_or_path" of the configuration; may be empty.
  [[nodiscard]] const std::string& base_model() const { return config_.base_model(); }
  /// The tensors' file, whose mapping keeps them alive.
  [[nodiscard]] const SafetensorsFile& file() const { return file_; }

 private:
  static constexpr std::size_t kMaxTensors = 8192;
  static constexpr std::size_t kMaxNameBytes = 256;

  [[noreturn]] void refuse(std::string_view tensor) const {
    fail<FormatError>(file_.path(), ": tensor ", in_quotes(tensor),
                      " is not of a kind that is supported (lora_A.weight and lora_B.weight of "
                      "linear layers, score.weight, and the weights of embed_tokens and lm_head)");
  }

  void read_tensors() {
    require<FormatError>(file_.tensors().size() <= kMaxTensors, file_.path(), ": ",
                         file_.tensors().size(), " tensors, at most ", kMaxTensors, " are read");
    for (const TensorView& tensor : file_.tensors()) add(tensor);
    for (const OtherTensor& tensor : file_.other_tensors()) refuse(tensor.name);
    for (auto& [name, target] : modules_) check(name, target);
    require<FormatError>(!modules_.empty(), file_.path(), ": has no LoRA tensors");
    require<FormatError>(!config_.saves_score() || value_head_, file_.path(),
                         ": \"modules_to_save\" names \"score\", but there is no tensor "
                         "\"base_model.model.score.weight\"");
  }

  void add(const TensorView& tensor) {
    constexpr std::string_view kPrefix = "base_model.model.";
    constexpr std::string_view kA = ".lora_A.weight";
    constexpr std::string_view kB = ".lora_B.weight";
    std::string_view name = tensor.name;
    if (!name.starts_with(kPrefix) || name.size() > kMaxNameBytes || tensor.shape.size() != 2)
      refuse(name);
    name.remove_prefix(kPrefix.size());
    if (name.ends_with(kA)) {
      modules_[std::string(name.substr(0, name.size() - kA.size()))].a = tensor;
    } else if (name.ends_with(kB)) {
      modules_[std::string(name.substr(0, name.size() - kB.size()))].b = tensor;
    } else if (name == "score.weight" && config_.saves_score()) {
      value_head_ = tensor;
    } else if (const std::string_view layer = saved_layer_name(name); !layer.empty()) {
      const bool is_new = saved_layers_.emplace(layer, tensor).second;
      require<FormatError>(is_new, file_.path(), ": has 2 weights of the layer ", in_quotes(layer));
    } else {
      refuse(tensor.name);
    }
  }

  /// The module of "M.base_layer.weight" or "M.weight" if M is an embedding or output layer, by the
  /// names in PEFT's EMBEDDING_LAYER_NAMES; else empty.
  static std::string_view saved_layer_name(std::string_view name) {
    for (const std::string_view suffix : {".base_layer.weight", ".weight"}) {
      if (!name.ends_with(suffix)) continue;
      name.remove_suffix(suffix.size());
      const std::string_view last = name.substr(name.rfind('.') + 1);
      return last == "embed_tokens" || last == "lm_head" ? name : std::string_view();
    }
    return {};
  }

  /// Checks a module's tensors against each other and the configuration, and sets its scale.
  void check(const std::string& name, LoraModule& target) const {
    const std::string where = file_.path() + ": module " + in_quotes(name);
    require<FormatError>(!target.a.shape.empty() && !target.b.shape.empty(), where, " has no lora_",
                         target.a.shape.empty() ? "A" : "B", ".weight");
    const std::size_t rank = target.a.shape[0];
    require<FormatError>(rank > 0 && rank == target.b.shape[1], where, ": A ",
                         shape_text(target.a.shape), " and B ", shape_text(target.b.shape),
                         " have no rank in common");
    const std::size_t stated = config_.rank_of(name);
    require<FormatError>(rank == stated, where, ": A has rank ", rank,
                         ", adapter_config.json says ", stated);
    require<FormatError>(config_.targets(name), where,
                         " is not among the \"target_modules\" of adapter_config.json");
    target.scale = config_.scale_of(name, rank);
    require<FormatError>(std::isfinite(target.scale), where, ": the scale ", target.scale,
                         " is not finite");
  }

  detail::AdapterConfig config_;
  SafetensorsFile file_;
  std::map<std::string, LoraModule, std::less<>> modules_;
  std::map<std::string, TensorView, std::less<>> saved_layers_;
  std::optional<TensorView> value_head_;
};

}  // namespace tutti
