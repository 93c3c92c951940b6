// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loads all experts of an ensemble from their files: N models, a directory that holds them, or one
// base and its adapters. Their weights and tokenizers are checked to fit each other before anything
// is computed.

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/base/error.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"
#include "tutti/transformer/transformer.hpp"
#include "tutti/transformer/weights/load_options.hpp"
#include "tutti/transformer/weights/weight_sharing.hpp"

namespace tutti {

/// Paths of the experts' files.
struct ExpertPaths {
  /// One for each expert; with adapters, their one base.
  std::vector<std::filesystem::path> models;
  /// One for each expert; empty where the experts are whole models.
  std::vector<std::filesystem::path> adapters;
};

/// Loaded experts. Each model's configuration has its own end tokens (ModelConfig::eos_tokens).
template <Backend B>
struct Experts {
  std::vector<Transformer<B>> models;
  /// The first expert's that has one; null where no expert's files have one, and prompts must be
  /// tokens.
  std::shared_ptr<const Tokenizer> tokenizer;
};

namespace detail {

/// Reads the tokenizers of `paths` and compares them; returns the first, or null if there is none.
/// @throws ModelError when two of them differ, or one does not fit the vocabulary.
[[nodiscard]] std::shared_ptr<const Tokenizer> common_tokenizer(
    std::span<const std::filesystem::path> paths, std::size_t vocabulary_size);

}  // namespace detail

/// Sorts `paths` into models and adapters. A path is a model (a .gguf file, or a directory with
/// config.json), an adapter (a directory with adapter_config.json), or a directory of these, which
/// are sorted by name. The parts of a split GGUF file count as one model.
/// @throws FormatError when a path is none of these; ModelError when there are adapters, but not
/// exactly one model as their base.
[[nodiscard]] ExpertPaths find_experts(std::span<const std::filesystem::path> paths);

/// Loads the experts. A model that is given twice is read once, and all adapters share their base.
/// @throws FormatError, ModelError when files cannot be read, or when experts do not fit each
/// other, naming the two and the first difference with both values.
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
  experts.tokenizer = detail::common_tokenizer(paths.models,
                                               experts.models.front().vocabulary_size());
  return experts;
}

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/load_experts-inl.hpp"
#endif
