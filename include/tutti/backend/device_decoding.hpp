// SPDX-License-Identifier: Apache-2.0
#pragma once
// A backend that draws tokens itself can run several steps of a generation without the host: what
// it must be told, and what it answers. A backend that cannot gives its logits to the host at each
// step.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/base/philox.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/options.hpp"

namespace tutti {

/// What a row has drawn in one step.
struct DrawnToken {
  static constexpr Token kBadLogit = -1;  ///< Instead of a token: a logit is NaN or +infinity.
  static constexpr Token kNoToken = -2;   ///< Nothing is left to draw.
  static constexpr Token kEnded = -3;     ///< The row had ended before.

  Token token = kEnded;
  float log_probability = 0.0F;  ///< Of the token before all filters, in nats.
};

/// How a generation of several rows begins and draws. Each row goes on until it draws an end token,
/// or the host says so.
struct DecodingStart {
  std::span<const Row> rows;  ///< Of the first step, grouped by ascending expert.
  /// Of each row's first draw; the position counts up from there.
  std::span<const DrawKey> keys;
  /// Of each row, its token of the first step last.
  std::span<const std::span<const Token>> histories;
  const SamplingOptions& sampling;
  std::span<const Token> end_tokens;
  std::size_t vocabulary_size = 0;
  std::size_t max_steps = 0;
};

/// `begin_decoding` fixes the rows. `decode` enqueues `steps` more steps, `max_steps` in all at
/// most, and returns the [some steps, rows] tokens that have not been returned yet, but perhaps the
/// last few, valid until the next call; all that are left when `steps` is 0. Its batch has the same
/// rows as they are when the steps have been made, without spans those that the host has ended, and
/// those that it does not know to have ended as if they had not; each call of `step` enqueues one
/// forward pass of them, logits included.
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
