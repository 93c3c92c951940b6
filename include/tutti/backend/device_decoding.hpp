// SPDX-License-Identifier: Apache-2.0
#pragma once
// Interface of backends that draw tokens on the device and so can run several decode steps without
// the host. Other backends return logits to the host at each step.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/options.hpp"

namespace tutti {

/// The token a row drew in one step.
struct DrawnToken {
  static constexpr Token kBadLogit = -1;  ///< Instead of a token: a logit is NaN or +infinity.
  static constexpr Token kNoToken = -2;   ///< All logits are -infinity.
  static constexpr Token kEnded = -3;     ///< The row had ended before.

  Token token = kEnded;
  float log_probability = 0.0F;  ///< Of the token before all filters, in nats.
};

/// Start of a generation of several rows. Each row runs until it draws an end token or the host
/// stops it.
struct DecodingStart {
  std::span<const Row> rows;  ///< Of the first step, grouped by ascending expert.
  /// Keys of each row's first draw; the position counts up from there.
  std::span<const DrawKey> keys;
  /// Tokens of each row so far, the token of the first step last.
  std::span<const std::span<const Token>> histories;
  const SamplingOptions& sampling;
  std::span<const Token> end_tokens;
  std::size_t vocabulary_size = 0;
  std::size_t max_steps = 0;
};

/// `begin_decoding` fixes the rows. `decode` enqueues `steps` decode steps, at most `max_steps` in
/// all, and returns the finished steps that have not been returned yet, shape [n, rows], valid
/// until the next call. It may lag by a few steps; `steps == 0` drains. Its batch holds the rows as
/// they are after these steps; rows that the host has stopped have no spans. Each call of `step`
/// enqueues one forward pass, logits included.
template <class B>
concept DeviceDecoding = Backend<B> &&
    requires(B& b, const DecodingStart& start, const Batch& batch, typename B::KvStorage& pages,
             typename B::Rows& logits, std::span<const std::vector<float>> frequencies,
             std::size_t steps, void (*step)()) {
  b.begin_decoding(start, batch, frequencies);
  { b.decode(batch, pages, logits, steps, step) } -> std::same_as<std::span<const DrawnToken>>;
  { b.steps_per_poll() } -> std::same_as<std::size_t>;
};

}  // namespace tutti
