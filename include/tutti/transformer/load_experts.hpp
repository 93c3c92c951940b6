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
#include <utility>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/types.hpp"
#include "tutti/text/text_codec.hpp"
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

namespace detail {

/// codec_of(tokenizer) with the end tokens of each expert.
[[nodiscard]] TextCodec codec_of_experts(const std::shared_ptr<const Tokenizer>& tokenizer,
                                         std::vector<std::vector<Token>> end_tokens);

}  // namespace detail

/// Loaded experts.
template <Backend B>
struct Experts {
  std::vector<Transformer<B>> models;
  /// The first expert's that has one; null where no expert's files have one, and prompts must be
  /// tokens.
  std::shared_ptr<const Tokenizer> tokenizer;
  /// For each expert the tokens at which its texts end: those of its configuration, and its own
  /// Tokenizer::end_tokens.
  std::vector<std::vector<Token>> end_tokens;

  /// The codec of an ensemble of these experts. Without a tokenizer it has end tokens only.
  [[nodiscard]] TextCodec codec() const { return detail::codec_of_experts(tokenizer, end_tokens); }
};

namespace detail {

/// Reads the tokenizers of `paths` and compares them; returns the first, or null if there is none.
/// @param end_tokens one list per path, to which the end tokens of its own tokenizer are added.
/// @throws ModelError when two of them differ, or one does not fit the vocabulary.
[[nodiscard]] std::shared_ptr<const Tokenizer> common_tokenizer(
    std::span<const std::filesystem::path> paths, std::size_t vocabulary_size,
    std::span<std::vector<Token>> end_tokens);

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
  std::vector<std::vector<Token>> end_tokens;  // of each model file; adapters share their base's
  for (std::size_t m = 0; m < paths.models.size(); ++m)
    end_tokens.push_back(experts.models[m].config().eos_tokens);
  experts.tokenizer = detail::common_tokenizer(
      paths.models, experts.models.front().vocabulary_size(), end_tokens);
  end_tokens.resize(experts.models.size(), end_tokens.front());
  experts.end_tokens = std::move(end_tokens);
  return experts;
}

/// load_experts(find_experts(paths)).
template <Backend B>
[[nodiscard]] Experts<B> load_experts(std::span<const std::filesystem::path> paths,
                                      const LoadOptions& options = {}) {
  return load_experts<B>(find_experts(paths), options);
}

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/load_experts-inl.hpp"
#endif
