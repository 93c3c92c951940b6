// SPDX-License-Identifier: Apache-2.0
#pragma once
// Converts sampling options for kernels, and launches draws.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/device_types.cuh"
#include "tutti/backend/cuda/kernels/sample.cuh"
#include "tutti/sampler/options.hpp"

namespace tutti::cuda {

/// Draws tokens from rows of logits.
class DeviceSampler {
 public:
  /// Sets the options of later draws. They must have been validated.
  void set(const SamplingOptions& options, const Stream& stream) {
    const Penalties::Options penalties = options.penalties();
    how_.greedy = options.temperature == 0.0F;
    how_.temperature_first = !how_.greedy && options.order == SamplerOrder::hugging_face &&
                             options.temperature != 1.0F;
    how_.inverse_temperature = how_.greedy ? 1.0F : 1.0F / options.temperature;
    how_.top_k = static_cast<std::uint32_t>(
        std::min<std::size_t>(options.top_k, std::numeric_limits<std::uint32_t>::max()));
    how_.top_p = options.top_p;
    how_.log_min_p = std::log(options.min_p);
    how_.repetition = penalties.repetition;
    how_.presence = penalties.presence;
    how_.frequency = penalties.frequency;
    last_n_ = static_cast<std::uint32_t>(
        std::min<std::size_t>(penalties.last_n, std::numeric_limits<std::uint32_t>::max()));
    std::vector<std::pair<Token, float>> biases = options.logit_bias;
    std::stable_sort(biases.begin(), biases.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Token> tokens;
    std::vector<float> values;
    for (const auto& [token, bias] : biases) {
      tokens.push_back(token);
      values.push_back(bias);
    }
    tokens_.assign(tokens, stream);
    values_.assign(values, stream);
    how_.bias_count = static_cast<std::uint32_t>(tokens.size());
    how_.bias_tokens = tokens_.data();
    how_.biases = values_.data();
  }

  [[nodiscard]] const DeviceSampling& how() const { return how_; }

  /// Whether draws depend on earlier tokens.
  [[nodiscard]] bool penalizes() const {
    return last_n_ > 0 &&
           (how_.repetition != 1.0F || how_.presence != 0.0F || how_.frequency != 0.0F);
  }
  [[nodiscard]] std::uint32_t last_n() const { return last_n_; }

  /// Enqueues the draws of `rows` rows of logits; see sample_kernel.
  void draw(std::size_t rows, const Rows& logits, const std::uint32_t* running, const DrawKey* keys,
            const std::uint32_t* said, DrawnToken* drawn, const Stream& stream) {
    const bool changes = said != nullptr || how_.bias_count > 0 || how_.temperature_first;
    if (changes) changed_.reset(logits.capacity(), logits.width(), stream);
    launch({dim3(static_cast<unsigned>(rows)), dim3(kLogitThreads)}, stream.get(),
           sample_kernel<kLogitThreads>, how_, logits.view(),
           static_cast<std::uint32_t>(logits.width()), running, keys, said,
           changes ? changed_.view() : DeviceRows{}, drawn);
  }

 private:
  DeviceSampling how_;
  std::uint32_t last_n_ = 0;
  DeviceArray<Token> tokens_;
  DeviceArray<float> values_;
  Rows changed_;
};

}  // namespace tutti::cuda
