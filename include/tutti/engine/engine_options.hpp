// SPDX-License-Identifier: Apache-2.0
#pragma once
// Options and statistics of an engine.

#include <cstddef>
#include <cstdint>
#include <string>

namespace tutti {

struct EngineOptions {
  /// Rows of a step up to which prompts are computed beside the rows that decode. Smaller values
  /// bound how long a long prompt delays the next token of the others.
  std::size_t rows_per_step = 256;
  std::size_t max_running = 256;   ///< Requests answered at the same time.
  std::size_t max_waiting = 4096;  ///< Further requests that `submit` accepts.
  /// Whether requests begin with the pages that earlier ones left in the cache.
  bool prefix_cache = true;
};

/// Counters since the engine was made, and its state after the last step.
struct EngineStats {
  std::size_t running = 0;
  std::size_t waiting = 0;
  std::uint64_t submitted = 0;
  std::uint64_t finished = 0;  ///< With a result or an error.
  std::uint64_t steps = 0;
  std::uint64_t rows = 0;         ///< Of all steps; rows / steps is the mean batch.
  std::uint64_t decode_rows = 0;  ///< Those that gave a token to draw.
  std::uint64_t generated_tokens = 0;
  std::uint64_t cached_tokens = 0;  ///< Positions that the prefix cache saved.
  std::uint64_t preemptions = 0;    ///< Requests whose pages were taken, to be recomputed.
  std::size_t pages_in_use = 0;
  std::size_t pages_idle = 0;  ///< Kept for requests that begin alike.
  std::size_t pages_limit = 0;
  double step_seconds = 0;  ///< Time spent in steps.

  /// The same in the text format of Prometheus.
  [[nodiscard]] std::string prometheus() const;
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/engine/engine_options-inl.hpp"
#endif
