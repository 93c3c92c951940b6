// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model in safetensors format: one file, or the shards that model.safetensors.index.json lists.

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/formats/safetensors/safetensors_file.hpp"

namespace tutti {

/// The tensors of one or more files. Copies share the mappings, which keep the views valid.
class SafetensorsModel {
 public:
  /// @param path a *.safetensors file, a *.safetensors.index.json, or a directory that holds
  /// model.safetensors or
  ///   model.safetensors.index.json.
  /// @throws FormatError when a file is missing or malformed, or the index does not agree with its
  /// shards.
  explicit SafetensorsModel(const std::filesystem::path& path) : path_(path) {
    std::error_code error;  // a path that cannot be examined is opened, which says why it cannot be
    if (std::filesystem::is_directory(path, error)) {
      const bool is_single = std::filesystem::exists(path / "model.safetensors", error) || error;
      path_ = path / (is_single ? "model.safetensors" : "model.safetensors.index.json");
      require<FormatError>(is_single || std::filesystem::exists(path_, error) || error,
                           path.string(), ": has no weights: neither model.safetensors nor ",
                           "model.safetensors.index.json; weights in other formats must be ",
                           "converted to safetensors");
    }
    if (path_.extension() == ".json") {
      open_shards();
    } else {
      add(SafetensorsFile(path_));
    }
  }

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] const std::vector<SafetensorsFile>& files() const { return files_; }
  /// F32, F16 and BF16 tensors, shard after shard in the order of their bytes.
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }

  /// The tensor called `name`, or nullptr.
  /// @throws FormatError when there is one whose dtype weights cannot have.
  [[nodiscard]] const TensorView* find(std::string_view name) const {
    for (const SafetensorsFile& file : files_) {
      if (const TensorView* tensor = file.find(name)) return tensor;
    }
    return nullptr;
  }

 private:
  void add(SafetensorsFile file) {
    tensors_.insert(tensors_.end(), file.tensors().begin(), file.tensors().end());
    files_.push_back(std::move(file));
  }

  /// Opens every shard once and checks that index and shards list the same tensors.
  void open_shards() {
    const std::string index = path();
    const Json json = read_json_file(path_);
    require<FormatError>(
        json.is_object() && json.contains("weight_map") && json["weight_map"].is_object(), index,
        ": \"weight_map\" is missing or no object");
    const Json& weight_map = json["weight_map"];
    std::map<std::string, std::size_t> shards;  // name -> index into files_
    std::size_t listed = 0;
    for (const auto& [tensor, value] : weight_map.items()) {
      const auto shard = json_get<std::string>(weight_map, tensor, index);
      const auto [entry, is_new] = shards.try_emplace(shard, files_.size());
      if (is_new) add(SafetensorsFile(shard_path(shard)));
      require<FormatError>(files_[entry->second].contains(tensor), index, ": tensor ",
                           in_quotes(tensor), " should be in ", in_quotes(shard),
                           ", which does not have it");
      ++listed;
    }
    // Every listed tensor is in its shard; with equal counts none is in two, and none goes
    // unlisted.
    std::size_t held = 0;
    for (const SafetensorsFile& file : files_)
      held += file.tensors().size() + file.other_tensors().size();
    require<FormatError>(held == listed, index, ": lists ", listed,
                         " tensors, but its shards hold ", held);
    check_total_size(json);
  }

  /// `metadata.total_size` is optional; if it differs from the shards' sum, a shard comes from
  /// another model.
  void check_total_size(const Json& json) const {
    const Json* metadata = json_find(json, "metadata");
    const std::string where = path() + ": metadata";
    const auto stated = metadata == nullptr ? std::nullopt
                                            : json_optional<double>(*metadata, "total_size", where);
    if (!stated) return;
    double held = 0;  // some writers give a floating-point number, exact below 2^53 bytes
    for (const SafetensorsFile& file : files_) {
      for (const TensorView& tensor : file.tensors()) held += static_cast<double>(tensor.bytes);
      for (const OtherTensor& tensor : file.other_tensors())
        held += static_cast<double>(tensor.data.size());
    }
    require<FormatError>(*stated == held, where, ": \"total_size\" is ", std::to_string(*stated),
                         ", the tensors of the ", files_.size(), " shards have ",
                         std::to_string(held),
                         " bytes; a shard is of another model, or remove \"total_size\"");
  }

  /// A shard lies beside its index. The index may come from a stranger: it must not point anywhere
  /// else; on Windows "C:x" would be a path of another drive.
  [[nodiscard]] std::filesystem::path shard_path(const std::string& shard) const {
    const bool is_plain = !shard.empty() && shard != "." &&
                          shard.find_first_of(std::string_view("/\\:\0", 4)) == std::string::npos &&
                          shard.find("..") == std::string::npos;
    require<FormatError>(is_plain, path(), ": shard ", in_quotes(shard), " is no plain file name");
    return path_.parent_path() / shard;
  }

  std::filesystem::path path_;
  std::vector<SafetensorsFile> files_;
  std::vector<TensorView> tensors_;
};

}  // namespace tutti
