// SPDX-License-Identifier: Apache-2.0
#pragma once
// All experts of an ensemble from their files: N models, a directory that holds them, or one base
// and its adapters. They are checked to fit each other, weights and tokenizers, before anything is
// computed with them.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/base/error.hpp"
#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/text/tokenizer/load_tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/text/tokenizer/tokenizer_difference.hpp"
#include "tutti/transformer/transformer.hpp"
#include "tutti/transformer/weights/load.hpp"
#include "tutti/transformer/weights/weight_sharing.hpp"

namespace tutti {

/// Where the files of the experts are.
struct ExpertPaths {
  /// One for each expert; with adapters, their one base.
  std::vector<std::filesystem::path> models;
  /// One for each expert; empty where the experts are whole models.
  std::vector<std::filesystem::path> adapters;
};

template <Backend B>
struct Experts {
  std::vector<Transformer<B>> models;
  /// The first expert's; null where no expert's files have one, and prompts must be tokens.
  std::shared_ptr<const Tokenizer> tokenizer;
  /// For each expert the tokens at which its texts end: those of its configuration, its own
  /// tokenizer's EOS, and the end-of-turn markers of the common chat formats.
  std::vector<std::vector<Token>> end_tokens;

  /// The codec of an ensemble of these experts. Without a tokenizer it has end tokens only.
  [[nodiscard]] TextCodec codec() const {
    TextCodec codec = codec_of(tokenizer);
    codec.expert_end_tokens = end_tokens;
    return codec;
  }
};

namespace detail {

inline bool has_file(const std::filesystem::path& directory, const char* name) {
  std::error_code ignored;  // what cannot be looked at is not there
  return std::filesystem::exists(directory / name, ignored);
}

/// Adds `path` if it is a model or an adapter, and returns whether it is.
inline bool add_expert(const std::filesystem::path& path, ExpertPaths& found) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    if (path.extension() != ".gguf") return false;
    found.models.push_back(path);
  } else if (has_file(
                 path,
                 "adapter_config.json")) {  // before config.json, which some adapters come with
    found.adapters.push_back(path);
  } else if (has_file(path, "config.json")) {
    found.models.push_back(path);
  } else {
    return false;
  }
  return true;
}

/// Adds what lies in `directory`, in the order of the names.
inline void add_experts_in(const std::filesystem::path& directory, ExpertPaths& found) {
  std::error_code error;
  std::vector<std::filesystem::path> entries;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  require<FormatError>(!error, directory.string(), ": cannot list: ", error.message());
  std::sort(entries.begin(), entries.end());
  std::size_t experts = 0;
  for (const std::filesystem::path& entry : entries) experts += add_expert(entry, found) ? 1 : 0;
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

/// Reads the tokenizers of `paths` and compares them; returns the first.
/// @param end_tokens for each path: each tokenizer's own end tokens are appended to its list.
inline std::shared_ptr<const Tokenizer> common_tokenizer(
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

/// Sorts `paths` into models and adapters. A path is a model (a .gguf file, or a directory with
/// config.json), an adapter (a directory with adapter_config.json), or a directory that holds such,
/// which are taken in the order of their names.
/// @throws FormatError when a path is none of these; ModelError when there are adapters, but not
/// exactly one model as their base.
[[nodiscard]] inline ExpertPaths find_experts(std::span<const std::filesystem::path> paths) {
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
      found.models.push_back(path);  // whatever it is called, reading it tells what it is
    }
  }
  require<ModelError>(!found.models.empty() || !found.adapters.empty(),
                      "an ensemble needs at least one expert, and no path is given");
  require<ModelError>(found.adapters.empty() || found.models.size() == 1, found.adapters.size(),
                      " adapters on ", found.models.size(), " models: give one model, their base");
  return found;
}

/// Loads the experts. A model that is given twice is read once, and all adapters share their base.
/// @throws FormatError, ModelError when files cannot be read, or when experts do not fit each
/// other, naming the two and the first
///   difference with both values.
template <Backend B>
[[nodiscard]] Experts<B> load_experts(const ExpertPaths& paths, const LoadOptions& options = {}) {
  require<ModelError>(!paths.models.empty(),
                      "an ensemble needs at least one expert, and there are 0 models");
  std::map<std::filesystem::path, Transformer<B>> loaded;
  Experts<B> experts;
  for (const std::filesystem::path& path : paths.models) {
    const auto entry = loaded.find(path);
    experts.models.push_back(
        entry != loaded.end()
            ? entry->second
            : loaded.emplace(path, Transformer<B>::load(path, options)).first->second);
  }
  if (!paths.adapters.empty()) {
    require<ModelError>(paths.models.size() == 1, paths.adapters.size(), " adapters on ",
                        paths.models.size(), " models: give one model, their base");
    const Transformer<B> base = experts.models.front();
    experts.models.clear();
    for (const std::filesystem::path& adapter : paths.adapters)
      experts.models.push_back(base.with_adapter(adapter, options));
  }
  std::vector<ModelWeights> weights;  // views: copies are cheap
  for (const Transformer<B>& model : experts.models) weights.push_back(model.weights());
  check_experts_fit(weights);
  std::vector<std::vector<Token>> end_tokens;  // for each model file; adapters share their base's
  for (std::size_t m = 0; m < paths.models.size(); ++m)
    end_tokens.push_back(experts.models[m].config().eos_tokens);
  experts.tokenizer = detail::common_tokenizer(
      paths.models, experts.models.front().vocabulary_size(), end_tokens);
  experts.end_tokens = std::move(end_tokens);
  experts.end_tokens.resize(experts.models.size(), experts.end_tokens.front());
  return experts;
}

/// load_experts(find_experts(paths)).
template <Backend B>
[[nodiscard]] Experts<B> load_experts(std::span<const std::filesystem::path> paths,
                                      const LoadOptions& options = {}) {
  return load_experts<B>(find_experts(paths), options);
}

}  // namespace tutti
