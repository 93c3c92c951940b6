// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of load_experts.hpp.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/text/tokenizer/load_tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer_difference.hpp"
#include "tutti/transformer/load_experts.hpp"

namespace tutti {

namespace detail {

[[nodiscard]] inline bool has_file(const std::filesystem::path& directory, const char* name) {
  std::error_code ignored;  // what cannot be examined counts as absent
  return std::filesystem::exists(directory / name, ignored);
}

/// Adds `path` if it is a model or an adapter, and returns whether it is.
inline bool add_expert(const std::filesystem::path& path, ExpertPaths& found) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    if (path.extension() != ".gguf") return false;
    found.models.push_back(path);
  } else if (has_file(path, "adapter_config.json")) {
    // Checked first: some adapters come with the config.json of their base.
    found.adapters.push_back(path);
  } else if (has_file(path, "config.json")) {
    found.models.push_back(path);
  } else {
    return false;
  }
  return true;
}

/// The name that the parts of a split GGUF file have in common: "m" for "m-00002-of-00003.gguf".
[[nodiscard]] inline std::optional<std::string> split_name(const std::filesystem::path& path) {
  constexpr std::string_view kPattern = "-#####-of-#####.gguf";
  const std::string name = path.filename().string();
  if (name.size() <= kPattern.size()) return std::nullopt;
  const std::size_t begin = name.size() - kPattern.size();
  for (std::size_t i = 0; i < kPattern.size(); ++i) {
    const char c = name[begin + i];
    if (kPattern[i] == '#' ? c < '0' || c > '9' : c != kPattern[i]) return std::nullopt;
  }
  return name.substr(0, begin);
}

/// Adds the experts in `directory`, sorted by name. Of the parts of a split file it adds the first.
inline void add_experts_in(const std::filesystem::path& directory, ExpertPaths& found) {
  std::error_code error;
  std::set<std::filesystem::path> entries;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.insert(entry->path());
  }
  require<FormatError>(!error, directory.string(), ": cannot list: ", error.message());
  std::size_t experts = 0;
  std::set<std::string> split_models;
  for (const std::filesystem::path& entry : entries) {
    const std::optional<std::string> split = split_name(entry);
    if (split && !split_models.insert(*split).second) continue;
    experts += add_expert(entry, found) ? 1U : 0U;
  }
  require<FormatError>(experts > 0, directory.string(), ": none of its ", entries.size(),
                       " entries is an expert: a .gguf file, or a directory with config.json or "
                       "adapter_config.json");
}

/// The tokenizer among the files of a model, if there is one.
inline std::shared_ptr<const Tokenizer> tokenizer_of(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool present = std::filesystem::is_directory(path, ignored)
                           ? has_file(path, "tokenizer.json")
                           : GgufFile(path).metadata().contains("tokenizer.ggml.model");
  return present ? std::make_shared<const Tokenizer>(load_tokenizer(path)) : nullptr;
}

TUTTI_INLINE TextCodec codec_of_experts(const std::shared_ptr<const Tokenizer>& tokenizer,
                                        std::vector<std::vector<Token>> end_tokens) {
  TextCodec codec = codec_of(tokenizer);
  codec.expert_end_tokens = std::move(end_tokens);
  return codec;
}

TUTTI_INLINE std::shared_ptr<const Tokenizer> common_tokenizer(
    std::span<const std::filesystem::path> paths, std::size_t vocabulary_size,
    std::span<std::vector<Token>> end_tokens) {
  std::shared_ptr<const Tokenizer> first;
  std::size_t first_expert = 0;
  for (std::size_t e = 0; e < paths.size(); ++e) {
    const auto same = std::find(paths.begin(), paths.begin() + static_cast<std::ptrdiff_t>(e),
                                paths[e]);
    if (same != paths.begin() + static_cast<std::ptrdiff_t>(e)) {
      end_tokens[e] = end_tokens[static_cast<std::size_t>(same - paths.begin())];
      continue;
    }
    const std::shared_ptr<const Tokenizer> tokenizer = tokenizer_of(paths[e]);
    if (tokenizer == nullptr) continue;
    require<ModelError>(tokenizer->vocabulary_size() <= vocabulary_size, "expert ", e, " (",
                        paths[e].string(), "): the tokenizer has ", tokenizer->vocabulary_size(),
                        " tokens, the model ", vocabulary_size, ": they do not belong together");
    for (const Token token : tokenizer->end_tokens()) {
      if (std::find(end_tokens[e].begin(), end_tokens[e].end(), token) == end_tokens[e].end())
        end_tokens[e].push_back(token);
    }
    if (first == nullptr) {
      first = tokenizer;
      first_expert = e;
      continue;
    }
    const std::string difference = first_difference(*first, *tokenizer);
    require<ModelError>(difference.empty(), "expert ", e, " (", paths[e].string(),
                        ") does not fit expert ", first_expert, " (", paths[first_expert].string(),
                        "): ", difference, "; experts must share one tokenizer");
  }
  return first;
}

}  // namespace detail

TUTTI_INLINE ExpertPaths find_experts(std::span<const std::filesystem::path> paths) {
  ExpertPaths found;
  for (const std::filesystem::path& path : paths) {
    std::error_code ignored;
    require<FormatError>(std::filesystem::exists(path, ignored), path.string(),
                         ": no such file or directory: give a model, an adapter, ",
                         "or a directory of them");
    if (detail::add_expert(path, found)) continue;
    if (std::filesystem::is_directory(path, ignored)) {
      detail::add_experts_in(path, found);
    } else {
      found.models.push_back(path);  // a model under any name: reading it will tell
    }
  }
  require<ModelError>(!found.models.empty() || !found.adapters.empty(),
                      "an ensemble needs at least one expert, and no path is given");
  require<ModelError>(found.adapters.empty() || found.models.size() == 1, found.adapters.size(),
                      " adapters on ", found.models.size(), " models: give one model, their base");
  return found;
}

}  // namespace tutti
