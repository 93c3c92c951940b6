// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of a PEFT adapter_config.json: rank and scale per module. Everything that is not plain
// LoRA is refused.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/huggingface/name_pattern.hpp"
#include "tutti/formats/json.hpp"

namespace tutti::detail {

/// `rank_pattern` or `alpha_pattern`: values for modules whose name, or its end after a dot,
/// matches a pattern.
template <class T>
class ModuleTable {
 public:
  ModuleTable(const Json& config, const std::string& key, const std::string& file)
      : where_(file + ": " + key) {
    const Json* table = json_find(config, key);
    if (table == nullptr) return;
    require<FormatError>(table->is_object(), where_, ": expected an object, found ",
                         found_text(*table));
    std::size_t expressions = 0;
    for (const auto& [pattern, value] : table->items()) {
      Entry entry{pattern, std::nullopt, json_get<T>(*table, pattern, where_)};
      if (!is_plain(pattern)) {
        entry.expression = NamePattern::compile("(.*\\.)?(" + pattern + ")");
        require<FormatError>(entry.expression && ++expressions <= kMaxExpressions, where_,
                             ": pattern ", in_quotes(pattern),
                             entry.expression ? " is one regular expression too many"
                                              : " is not supported as a regular expression");
      }
      entries_.push_back(std::move(entry));
    }
  }

  /// The value for `module`, or nothing. PEFT takes the first match in the file's order, which is
  /// not kept here.
  /// @throws FormatError when patterns with different values match.
  [[nodiscard]] std::optional<T> find(std::string_view module) const {
    const Entry* found = nullptr;
    for (const Entry& entry : entries_) {
      if (!(entry.expression ? entry.expression->matches(module)
                             : matches_plain(entry.text, module)))
        continue;
      require<FormatError>(found == nullptr || found->value == entry.value, where_, ": module ",
                           in_quotes(module), " matches ",
                           in_quotes(found == nullptr ? "" : found->text), " and ",
                           in_quotes(entry.text), ", whose values differ");
      found = &entry;
    }
    return found == nullptr ? std::nullopt : std::optional(found->value);
  }

 private:
  static constexpr std::size_t kMaxExpressions = 64;

  struct Entry {
    std::string text;
    std::optional<NamePattern> expression;  // unless the pattern is a plain name
    T value;
  };

  // Tables with hundreds of entries hold plain names, which need no automaton.
  static bool is_plain(std::string_view pattern) {
    return pattern.find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.") ==
           std::string_view::npos;
  }
  static bool matches_plain(std::string_view name, std::string_view path) {
    if (name.size() > path.size()) return false;
    const std::string_view end = path.substr(path.size() - name.size());
    const bool is_end = std::equal(name.begin(), name.end(), end.begin(),
                                   [](char n, char m) { return n == m || n == '.'; });
    return is_end && (name.size() == path.size() || path[path.size() - name.size() - 1] == '.');
  }

  std::string where_;
  std::vector<Entry> entries_;
};

/// The parts of adapter_config.json that determine the meaning of the tensors.
class AdapterConfig {
 public:
  explicit AdapterConfig(const std::filesystem::path& path)
      : AdapterConfig(read_python_json_file(path), path.string()) {}

  /// `file` is named in errors.
  AdapterConfig(const Json& json, const std::string& file)
      : rank_(json_get<std::size_t>(json, "r", file)),
        alpha_(json_get<double>(json, "lora_alpha", file)),
        is_rank_stabilized_(json_get<bool>(json, "use_rslora", file, false)),
        ranks_(json, "rank_pattern", file),
        alphas_(json, "alpha_pattern", file),
        base_model_(json_get<std::string>(json, "base_model_name_or_path", file, "")) {
    const auto type = json_get<std::string>(json, "peft_type", file);
    require<FormatError>(type == "LORA", file, ": \"peft_type\" is ", in_quotes(type),
                         ", only \"LORA\" is supported");
    require_plain_lora(json, file);
    read_targets(json, file);
    for (const std::string& module :
         json_get<std::vector<std::string>>(json, "modules_to_save", file, {})) {
      // For reward models PEFT lists "classifier" as well as "score", even if the model has no such
      // module.
      require<FormatError>(module == "score" || module == "classifier", file,
                           ": \"modules_to_save\" contains ", in_quotes(module),
                           ", only a value head called \"score\" is supported");
      saves_score_ = saves_score_ || module == "score";
    }
  }

  [[nodiscard]] const std::string& base_model() const { return base_model_; }
  [[nodiscard]] std::size_t rank_of(std::string_view module) const {
    return ranks_.find(module).value_or(rank_);
  }

  /// alpha / r, or alpha / sqrt(r) (rank-stabilized LoRA, Kalajdzievski 2023), for a module of rank
  /// r.
  [[nodiscard]] float scale_of(std::string_view module, std::size_t rank) const {
    const auto r = static_cast<double>(rank);
    return static_cast<float>(alphas_.find(module).value_or(alpha_) /
                              (is_rank_stabilized_ ? std::sqrt(r) : r));
  }

  /// Whether PEFT would give the module at `path` an adapter. A pattern that cannot be read counts
  /// as matching: the tensors decide.
  [[nodiscard]] bool targets(std::string_view path) const {
    if (!target_text_.empty()) return !target_pattern_ || target_pattern_->matches(path);
    return std::any_of(target_names_.begin(), target_names_.end(), [&](const std::string& name) {
      return path == name || (path.size() > name.size() && path.ends_with(name) &&
                              path[path.size() - name.size() - 1] == '.');
    });
  }
  [[nodiscard]] bool saves_score() const { return saves_score_; }

 private:
  static void require_plain_lora(const Json& json, const std::string& file) {
    constexpr std::array<std::pair<const char*, const char*>, 12> kUnsupported{
        {{"use_dora", "DoRA"},
         {"use_qalora", "QALoRA"},
         {"alora_invocation_tokens", "aLoRA"},
         {"use_bdlora", "BD-LoRA"},
         {"arrow_config", "Arrow routing"},
         {"kasa_config", "KaSA"},
         {"monteclora_config", "MonteCLoRA"},
         {"lora_bias", "a bias beside A and B"},
         {"layer_replication", "replicating layers"},
         {"target_parameters", "adapting bare parameters"},
         {"trainable_token_indices", "training single tokens"},
         {"megatron_config", "Megatron layers"}}};
    for (const auto& [key, meaning] : kUnsupported) {
      const Json* value = json_find(json, key);
      const bool is_off = value == nullptr || *value == false ||
                          (value->is_structured() && value->empty());
      require<FormatError>(is_off, file, ": ", in_quotes(key), " is set, but ", meaning,
                           " is not supported; merge the adapter into its base");
    }
    const auto bias = json_get<std::string>(json, "bias", file, "none");
    require<FormatError>(bias == "none", file, ": \"bias\" is ", in_quotes(bias),
                         ", only \"none\" is supported");

    // Other initializations subtract something from the base's weights; the original base still has
    // it.
    const Json* initialization = json_find(json, "init_lora_weights");
    if (initialization == nullptr || initialization->is_boolean()) return;
    const auto name = json_get<std::string>(json, "init_lora_weights", file);
    require<FormatError>(
        name == "gaussian" || name == "eva" || name == "orthogonal", file,
        ": \"init_lora_weights\" is ", in_quotes(name),
        ", which changes the base's weights; convert the adapter to plain LoRA when saving it");
  }

  void read_targets(const Json& json, const std::string& file) {
    const Json* targets = json_find(json, "target_modules");
    require<FormatError>(targets != nullptr, file, ": \"target_modules\" is missing");
    if (targets->is_array()) {
      target_names_ = json_get<std::vector<std::string>>(json, "target_modules", file);
      return;
    }
    target_text_ = json_get<std::string>(json, "target_modules", file);
    require<FormatError>(!target_text_.empty(), file, ": \"target_modules\" is an empty string");
    if (target_text_ != "all-linear") target_pattern_ = NamePattern::compile(target_text_);
  }

  std::size_t rank_;
  double alpha_;
  bool is_rank_stabilized_;
  ModuleTable<std::size_t> ranks_;
  ModuleTable<double> alphas_;
  std::string base_model_;
  std::vector<std::string> target_names_;
  std::string target_text_;  // empty when target_names_ is used
  std::optional<NamePattern> target_pattern_;
  bool saves_score_ = false;
};

}  // namespace tutti::detail
