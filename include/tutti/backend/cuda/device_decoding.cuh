// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decoding on the device: a row's draw becomes its next input without the host, which polls every
// few steps. From the second step on a step is one CUDA graph; later generations of the same shape
// reuse it.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/attention.cuh"
#include "tutti/backend/cuda/graph.cuh"
#include "tutti/backend/cuda/kernels/decode.cuh"
#include "tutti/backend/cuda/linear_launcher.cuh"
#include "tutti/backend/cuda/sampling.cuh"

namespace tutti::cuda {

/// All launch arguments of a step: steps with equal keys share a graph.
struct StepKey {
  DecodeState state;
  DeviceSampling sampling;
  std::vector<std::uintptr_t> arguments;

  friend bool operator==(const StepKey&, const StepKey&) = default;
};

/// The state of a generation. Its arrays keep their addresses from one generation to the next, so
/// that generations of one shape share graphs.
class Decoding {
 public:
  /// Begins a generation. `products` and `attention` have begun with the rows of `start`.
  void begin(const DecodingStart& start, Products& products, const BatchAttention& attention,
             const Stream& stream) {
    sampler_.set(start.sampling, stream);
    keys_.assign(start.keys, stream);
    end_tokens_.assign(start.end_tokens, stream);
    running_.assign(std::vector<std::uint32_t>(start.rows.size(), 1), stream);
    wanted_.grow(start.rows.size(), stream);
    drawn_.grow(start.rows.size(), stream);
    results_.grow(start.max_steps * start.rows.size(), stream);
    results_host_.grow(results_.size());
    step_.grow(1, stream);
    step_.set_zero(stream);
    made_ = seen_ = 0;
    experts_.clear();
    for (const Row& row : start.rows) experts_.push_back(row.expert);
    state_ = {};
    state_.row_count = static_cast<std::uint32_t>(start.rows.size());
    state_.keys = keys_.data();
    state_.running = running_.data();
    state_.wanted = wanted_.data();
    state_.drawn = drawn_.data();
    state_.results = results_.data();
    state_.step = step_.data();
    state_.end_tokens = end_tokens_.data();
    state_.end_count = static_cast<std::uint32_t>(start.end_tokens.size());
    state_.rows = const_cast<Row*>(attention.rows());
    products.share_groups(state_, stream);
    if (sampler_.penalizes()) remember(start, stream);
  }

  /// Enqueues `steps` steps of `batch`; rows that the host has stopped have no spans. `forward`
  /// enqueues a forward pass that leaves the logits. @returns tokens [n, rows] not returned before.
  /// The last quarter of the steps stays for the next call, so that the device has work while the
  /// host handles tokens; `steps == 0` returns the rest.
  template <class Forward>
  std::span<const DrawnToken> run(const Batch& batch, BatchAttention& attention,
                                  const void* const* pages, const Rows& logits, std::size_t steps,
                                  const Stream& stream, Forward forward) {
    constexpr std::size_t kUnseenPart = 4;
    const std::size_t unseen = steps / kUnseenPart;
    if (steps == 0) {
      poll_point_.record(stream.get());
    } else {
      enqueue(batch, attention, pages, logits, steps, unseen, stream, forward);
    }
    made_ += steps;
    const std::size_t first = seen_ * batch.size(), count = (made_ - unseen - seen_) * batch.size();
    copies_.wait_for(poll_point_);
    results_host_.download(results_, count, copies_, first);
    copies_.wait();
    seen_ = made_ - unseen;
    return {results_host_.data() + first, count};
  }

 private:
  template <class Forward>
  void enqueue(const Batch& batch, BatchAttention& attention, const void* const* pages,
               const Rows& logits, std::size_t steps, std::size_t unseen, const Stream& stream,
               Forward forward) {
    std::vector<std::uint32_t> wanted;
    for (std::size_t r = 0; r < batch.size(); ++r)
      wanted.push_back(batch.spans_of(r).empty() ? 0 : 1);
    wanted_.upload(wanted, stream);
    attention.move(batch, steps, stream);
    DecodeState state = state_;
    attention.share(state);
    const auto advance = [&](bool after_step) {
      launch({dim3(1), dim3(kRowThreads)}, stream.get(), advance_kernel<kRowThreads>, state,
             after_step);
    };
    const auto step = [&] {
      forward();
      sampler_.draw(batch.size(), logits, state.running, state.keys, state.said, drawn_.data(),
                    stream);
      advance(true);
    };
    advance(false);
    StepKey key{state, sampler_.how(), attention.arguments()};
    key.arguments.push_back(reinterpret_cast<std::uintptr_t>(pages));
    key.arguments.push_back(reinterpret_cast<std::uintptr_t>(logits.view().data));
    key.arguments.insert(key.arguments.end(), experts_.begin(), experts_.end());
    auto* captured = graphs_.find(key, stream);
    for (std::size_t s = 0; s < steps; ++s) {
      if (captured == nullptr) {
        step();  // allocates, which a capture must not
        captured = &graphs_.add(key, stream);
      } else {
        if (captured->graph.empty()) captured->graph = Graph::capture(stream, step);
        captured->graph.launch(stream);
      }
      if (s + 1 + unseen == steps) poll_point_.record(stream.get());
    }
  }

  /// Uploads the histories and counts the tokens in the window of the penalties.
  void remember(const DecodingStart& start, const Stream& stream) {
    std::size_t longest = 0;
    for (const std::span<const Token> history : start.histories)
      longest = std::max(longest, history.size());
    const std::size_t stride = std::bit_ceil(longest +
                                             start.max_steps);  // the same for most generations
    std::vector<Token> tokens(stride * start.rows.size());
    for (std::size_t r = 0; r < start.rows.size(); ++r) {
      std::copy(start.histories[r].begin(), start.histories[r].end(),
                tokens.begin() + static_cast<std::ptrdiff_t>(r * stride));
    }
    history_.assign(tokens, stream);
    said_.grow(start.rows.size() * start.vocabulary_size, stream);
    said_.set_zero(stream);
    state_.history = history_.data();
    state_.history_stride = static_cast<std::uint32_t>(stride);
    state_.said = said_.data();
    state_.vocabulary = static_cast<std::uint32_t>(start.vocabulary_size);
    state_.last_n = sampler_.last_n();
    launch({dim3(state_.row_count), dim3(kRowThreads)}, stream.get(),
           count_said_kernel<kRowThreads>, state_);
  }

  DeviceSampler sampler_;
  DecodeState state_;
  std::vector<std::uint32_t> experts_;  ///< Of each row; they determine the groups of products.
  DeviceArray<DrawKey> keys_;
  DeviceArray<Token> end_tokens_, history_;
  DeviceArray<std::uint32_t> running_, wanted_, said_;
  DeviceArray<DrawnToken> drawn_, results_;
  DeviceArray<std::uint32_t> step_;
  PinnedArray<DrawnToken> results_host_;
  std::size_t made_ = 0, seen_ = 0;  ///< Steps enqueued, and steps returned to the host.
  Event poll_point_;                 ///< End of the steps whose tokens the next poll returns.
  Stream copies_;                    ///< Copies tokens to the host while steps continue.
  GraphCache<StepKey> graphs_;
};

}  // namespace tutti::cuda
