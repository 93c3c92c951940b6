// SPDX-License-Identifier: Apache-2.0
#pragma once
// Advances the rows of a generation by one token: each row's draw becomes its next input, its cache
// slot, pages and window starts follow, and rows that have ended are removed.

#include "tutti/backend/batch.hpp"
#include "tutti/backend/cuda/kernels/cache.cuh"
#include "tutti/backend/device_decoding.hpp"

namespace tutti::cuda {

/// A window size that layers have, and where it starts for each row.
struct DeviceWindow {
  std::uint32_t window = 0;  ///< 0: all positions.
  WindowStart* starts = nullptr;

  friend bool operator==(const DeviceWindow&, const DeviceWindow&) = default;
};
inline constexpr std::size_t kMaxWindows = 4;

/// A generation on the device.
struct DecodeState {
  std::uint32_t row_count = 0, group_count = 0, window_count = 0, end_count = 0;
  Row* rows = nullptr;
  DrawKey* keys = nullptr;
  std::uint32_t* running = nullptr;       ///< 0 for rows that have ended.
  const std::uint32_t* wanted = nullptr;  ///< 0 for rows that the host has stopped.
  PageSlot* slots = nullptr;
  PageSpan* spans = nullptr;  ///< The pages up to each row's position; none for ended rows.
  const PageSpan* span_limits = nullptr;
  const std::uint32_t* span_begin = nullptr;
  DeviceWindow windows[kMaxWindows] = {};
  /// Of all sharing patterns, without ended rows at their ends.
  DeviceGroup* groups = nullptr;
  const DeviceGroup* all_groups = nullptr;
  const Token* end_tokens = nullptr;
  const DrawnToken* drawn = nullptr;
  DrawnToken* results = nullptr;  ///< [steps, rows]
  std::uint32_t* step = nullptr;  ///< Index of the next step in `results`.
  // For penalties: how often each token occurs in the last `last_n` tokens of a row's history. Null
  // without penalties.
  std::uint32_t* said = nullptr;  ///< [rows, vocabulary]
  Token* history = nullptr;       ///< [rows, history_stride]
  std::uint32_t vocabulary = 0, history_stride = 0, last_n = 0;

  friend bool operator==(const DecodeState&, const DecodeState&) = default;
};

/// said[r][t] += 1 for each token of the row's window. Grid: rows.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads) count_said_kernel(DecodeState state) {
  const std::uint32_t row = blockIdx.x, length = state.rows[row].position + 1;
  const Token* history = state.history + std::size_t{row} * state.history_stride;
  const std::uint32_t begin = length > state.last_n ? length - state.last_n : 0;
  for (std::uint32_t i = begin + threadIdx.x; i < length; i += kThreads) {
    atomicAdd(
        state.said + std::size_t{row} * state.vocabulary + static_cast<std::uint32_t>(history[i]),
        1U);
  }
}

/// Makes the draw of row r its next input, or ends the row.
__device__ inline void take_drawn(const DecodeState& state, std::uint32_t r) {
  DrawnToken& result = state.results[std::size_t{*state.step} * state.row_count + r];
  result = DrawnToken{};
  if (state.running[r] == 0) return;
  result = state.drawn[r];
  bool ends = result.token < 0;
  for (std::uint32_t e = 0; e < state.end_count; ++e)
    ends = ends || result.token == state.end_tokens[e];
  if (ends) {
    state.running[r] = 0;
    return;
  }
  Row& row = state.rows[r];
  row.token = result.token;
  ++row.position;
  ++state.keys[r].position;
  if (state.said == nullptr) return;
  Token* history = state.history + std::size_t{r} * state.history_stride;
  std::uint32_t* said = state.said + std::size_t{r} * state.vocabulary;
  history[row.position] = row.token;
  ++said[row.token];
  if (row.position >= state.last_n) --said[history[row.position - state.last_n]];
}

/// Sets the cache slot of row r, its pages up to its position, and the starts of its windows.
__device__ inline void place_row(const DecodeState& state, std::uint32_t r) {
  const std::uint32_t length = state.running[r] == 0 ? 0 : state.rows[r].position + 1;
  state.slots[r] = {kNoPage, 0};
  std::uint32_t before = 0;
  for (std::uint32_t s = state.span_begin[r]; s < state.span_begin[r + 1]; ++s) {
    const PageSpan limit = state.span_limits[s];
    const std::uint32_t left = length > before ? length - before : 0;
    state.spans[s] = {limit.page, left < limit.count ? left : limit.count};
    if (left > 0 && left <= limit.count) state.slots[r] = {limit.page, left - 1};
    for (std::uint32_t w = 0; w < state.window_count; ++w) {
      const std::uint32_t window = state.windows[w].window;
      const std::uint32_t first = window == 0 || length < window ? 0 : length - window;
      if (first >= before && first < before + limit.count)
        state.windows[w].starts[r] = {s - state.span_begin[r], first - before};
    }
    before += limit.count;
  }
}

/// Applies the draws of a step (`after_step`) or the host's stops (otherwise), and prepares the
/// next step. Grid: one block.
template <unsigned kThreads>
__global__ void __launch_bounds__(kThreads)
    advance_kernel(const __grid_constant__ DecodeState state, bool after_step) {
  for (std::uint32_t r = threadIdx.x; r < state.row_count; r += kThreads) {
    if (after_step) {
      take_drawn(state, r);
    } else if (state.wanted[r] == 0) {
      state.running[r] = 0;
    }
    place_row(state, r);
  }
  __syncthreads();
  for (std::uint32_t g = threadIdx.x; g < state.group_count; g += kThreads) {
    DeviceGroup group = state.all_groups[g];
    while (group.count > 0 && state.running[group.first] == 0) ++group.first, --group.count;
    while (group.count > 0 && state.running[group.first + group.count - 1] == 0) --group.count;
    state.groups[g] = group;
  }
  if (threadIdx.x == 0 && after_step) ++*state.step;
}

}  // namespace tutti::cuda
