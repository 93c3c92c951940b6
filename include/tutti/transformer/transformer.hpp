// SPDX-License-Identifier: Apache-2.0
#pragma once
// One expert: the weights of a transformer, ready to be stacked with others. Copies are cheap and
// share the weights.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/transformer/batched_transformer.hpp"
#include "tutti/transformer/language_model.hpp"
#include "tutti/transformer/weights/adapter.hpp"
#include "tutti/transformer/weights/load.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

template <Backend B>
class Transformer {
 public:
  using BackendType = B;

  explicit Transformer(ModelWeights weights)
      : weights_(std::make_shared<const ModelWeights>(std::move(weights))) {}

  /// Loads a `.gguf` file, or a directory in the layout of Hugging Face (config.json and
  /// safetensors).
  /// @throws FormatError when a file cannot be read; ModelError when it is no complete model.
  [[nodiscard]] static Transformer load(const std::filesystem::path& path,
                                        const LoadOptions& options = {}) {
    return Transformer(load_weights(path, options));
  }

  /// The same weights with a PEFT LoRA adapter (a directory); the base is shared, not copied.
  /// @throws FormatError, ModelError when the adapter cannot be read or does not fit.
  [[nodiscard]] Transformer with_adapter(const std::filesystem::path& directory,
                                         const LoadOptions& options = {}) const {
    return Transformer(apply_adapter(*weights_, directory, options));
  }

  [[nodiscard]] const ModelWeights& weights() const { return *weights_; }
  [[nodiscard]] const ModelConfig& config() const { return weights_->config; }
  [[nodiscard]] std::size_t vocabulary_size() const { return config().vocabulary_size; }
  [[nodiscard]] std::size_t context_length() const { return config().context_length; }

  /// Logits after `context`, computed without a KV cache from earlier calls. To generate, use
  /// ExpertStack, which keeps the cache between tokens.
  /// @throws ModelError for a reward model; OptionError for no tokens, or room for another number
  /// of logits.
  void next_logits(std::span<const Token> context, std::span<float> logits) const {
    require<OptionError>(!context.empty(), "the context has 0 tokens: give at least one");
    require<OptionError>(logits.size() == vocabulary_size(), "room for ", logits.size(),
                         " logits, but the vocabulary has ", vocabulary_size());
    detail::require_logits(*weights_);
    BatchedTransformer<B> stack(std::span(weights_.get(), 1));
    const SequenceId sequence = stack.create();
    std::vector<Row> rows;
    for (const Token token : context)
      rows.push_back({0, sequence, static_cast<std::uint32_t>(rows.size()), token});
    const std::uint32_t last = static_cast<std::uint32_t>(rows.size() - 1);
    const MatrixView<const float> result = stack.forward(rows, std::span(&last, 1));
    std::copy_n(result.row(0), logits.size(), logits.begin());
  }

 private:
  std::shared_ptr<const ModelWeights> weights_;
};

}  // namespace tutti
