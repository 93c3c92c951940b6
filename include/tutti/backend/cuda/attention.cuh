// SPDX-License-Identifier: Apache-2.0
#pragma once
// Enqueues the attention of a batch: plans which rows visit which page, and owns the partial
// results until they are merged.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tutti/backend/cuda/device_types.cuh"
#include "tutti/backend/cuda/kernels/decode.cuh"

namespace tutti::cuda {

class BatchAttention {
 public:
  /// Floats of partial results that are in memory at a time, unless one row needs more.
  static constexpr std::size_t kPartialFloats = std::size_t{16} << 20;

  /// @param partial_floats see kPartialFloats.
  explicit BatchAttention(std::size_t partial_floats = kPartialFloats)
      : partial_floats_(partial_floats) {}

  /// Uploads the rows, pages and rotary angles of a batch, for all layers.
  /// @param frequencies sets of radians per position, one per pair of a head.
  void begin(const Batch& batch, std::span<const std::vector<float>> frequencies,
             const Stream& stream) {
    planned_ = 0;
    moving_ = false;
    rows_.assign(batch.rows, stream);
    slots_.assign(batch.slots, stream);
    spans_.assign(batch.spans, stream);
    const std::vector<std::uint32_t> begins(batch.span_begin.begin(), batch.span_begin.end());
    span_begin_.assign(begins, stream);
    angles_.resize(frequencies.size());
    for (std::size_t set = 0; set < angles_.size(); ++set) {
      Angles& angles = angles_[set];
      if (angles.frequencies.size() != frequencies[set].size()) {
        angles.frequencies = upload(std::span<const float>(frequencies[set]), stream);
      }
      angles.cosines.grow(batch.size() * frequencies[set].size(), stream);
      angles.sines.grow(batch.size() * frequencies[set].size(), stream);
    }
    compute_angles(batch.size(), stream);
  }

  /// As `begin`, for decoding on the device (kernels/decode.cuh). Precondition: `attend` has run
  /// for one ordinary batch of the model.
  void begin_moving(const Batch& batch, std::span<const std::vector<float>> frequencies,
                    const Stream& stream) {
    const std::size_t windows = planned_;
    require<OptionError>(windows >= 1 && windows <= kMaxWindows, windows,
                         " kinds of windows: between 1 and ", kMaxWindows,
                         " can be decoded on the device, after a forward pass");
    begin(batch, frequencies, stream);
    planned_ = windows;
    moving_ = true;
  }
  [[nodiscard]] bool moving() const { return moving_; }

  /// Plans the next `steps` steps of decoding on the device, after which the rows attend to the
  /// spans of `batch`.
  void move(const Batch& batch, std::size_t steps, const Stream& stream) {
    span_limits_.assign(batch.spans, stream);
    spans_.grow(batch.spans.size(), stream);
    const std::vector<std::uint32_t> begins(batch.span_begin.begin(), batch.span_begin.end());
    span_begin_.upload(begins, stream);
    for (std::size_t i = 0; i < planned_; ++i) plan(plans_[i], batch, steps, stream);
  }

  void share(DecodeState& state) {
    state.slots = slots_.data();
    state.spans = spans_.data();
    state.span_limits = span_limits_.data();
    state.span_begin = span_begin_.data();
    state.window_count = static_cast<std::uint32_t>(planned_);
    for (std::size_t i = 0; i < planned_; ++i) {
      state.windows[i] = {static_cast<std::uint32_t>(plans_[i].window), plans_[i].starts.data()};
    }
  }

  /// The launch arguments of `attend` beyond those in DecodeState: part of the key of a graph.
  [[nodiscard]] std::vector<std::uintptr_t> arguments() const {
    const auto address = [](const void* pointer) {
      return reinterpret_cast<std::uintptr_t>(pointer);
    };
    std::vector<std::uintptr_t> result = {address(partial_.data()), address(pages_done_.data())};
    for (std::size_t i = 0; i < planned_; ++i) {
      result.push_back(address(plans_[i].visits.data()));
      for (const Part& part : plans_[i].parts) {
        result.insert(result.end(), {part.first_row, part.row_count, part.depths, part.first_visit,
                                     part.visit_count});
      }
    }
    return result;
  }

  [[nodiscard]] const Row* rows() const { return rows_.data(); }

  /// Enqueues the rotary angles of the rows at their current positions.
  void compute_angles(std::size_t rows, const Stream& stream) {
    for (Angles& angles : angles_) {
      launch({dim3(static_cast<unsigned>(rows)), dim3(kWarpThreads)}, stream.get(),
             rope_angles_kernel<kWarpThreads>, rows_.data(), angles.frequencies.data(),
             static_cast<std::uint32_t>(angles.frequencies.size()), angles.cosines.data(),
             angles.sines.data());
    }
  }

  /// Destination of a layer's queries, keys and values.
  /// @param set of the frequencies given to `begin`; unused where `shape.rotary` is false.
  [[nodiscard]] CacheEntry entry(const DeviceAttention& shape, std::size_t set,
                                 const KvStorage& pages) const {
    return {.shape = shape,
            .cosines = shape.rotary ? angles_[set].cosines.data() : nullptr,
            .sines = shape.rotary ? angles_[set].sines.data() : nullptr,
            .slots = slots_.data(),
            .pages = pages.view()};
  }

  /// @param window in positions, the current one included; 0: all.
  void attend(const DeviceAttention& shape, std::size_t window, const Batch& batch,
              const KvStorage& pages, const Rows& queries, const Rows& out, const Stream& stream) {
    const Plan& plan = plan_of(shape, window, batch, stream);
    for (const Part& part : plan.parts) {
      const PartialResults partial{partial_.data(), pages_done_.data(), part.first_row,
                                   part.depths};
      with_kv_type(pages.shape().type, [&](auto element) {
        using Element = decltype(element);
        launch({dim3(static_cast<unsigned>(part.visit_count), shape.kv_heads),
                dim3(kAttentionThreads), attention_shared_bytes<Element>(shape.head_dim)},
               stream.get(), attention_kernel<Element>, shape,
               plan.visits.data() + part.first_visit,
               RowPages{spans_.data(), span_begin_.data(), plan.starts.data()}, queries.view(),
               pages.view(), partial, out.view());
      });
    }
  }

 private:
  /// [rows, pairs] each.
  struct Angles {
    DeviceArray<float> frequencies, cosines, sines;
  };

  /// Rows whose partial results are in memory at the same time.
  struct Part {
    std::uint32_t first_row = 0, row_count = 0, depths = 0;
    std::size_t first_visit = 0, visit_count = 0;
  };

  /// The page visits of a batch in all layers with one window.
  struct Plan {
    std::size_t window = 0;
    DeviceAttention shape;  ///< Of one of them.
    std::vector<Part> parts;
    DeviceArray<PageVisit> visits;
    DeviceArray<WindowStart> starts;
  };

  /// The plan of the current batch for `window`, made for the first layer that has it.
  const Plan& plan_of(const DeviceAttention& shape, std::size_t window, const Batch& batch,
                      const Stream& stream) {
    for (std::size_t i = 0; i < planned_; ++i) {
      if (plans_[i].window == window) return plans_[i];
    }
    if (planned_ == plans_.size()) plans_.emplace_back();
    Plan& made = plans_[planned_++];
    made.window = window;
    made.shape = shape;
    plan(made, batch, 0, stream);
    return made;
  }

  /// @param moving steps that the device decodes until the rows are where `batch` has them; 0 for
  /// an ordinary batch. Sizes of such plans are rounded up to powers of two, so that few shapes
  /// occur in a generation, and the device sets the window starts.
  void plan(Plan& plan, const Batch& batch, std::size_t moving, const Stream& stream) {
    plan.parts.clear();
    std::vector<PageVisit> visits;
    std::vector<WindowStart> starts;
    std::size_t max_depths = 1;
    for (std::size_t r = 0; r < batch.size(); ++r) {
      starts.push_back(
          window_start(batch.spans_of(r), plan.window == 0 ? 0 : plan.window + moving));
      max_depths = std::max(max_depths, batch.spans_of(r).size());
    }
    if (moving > 0) max_depths = std::bit_ceil(max_depths);
    const std::size_t floats_per_row = plan.shape.heads * max_depths * (plan.shape.head_dim + 2);
    const std::size_t rows_per_part = std::max<std::size_t>(1, partial_floats_ / floats_per_row);
    for (std::size_t first = 0; first < batch.size(); first += rows_per_part) {
      const std::size_t last = std::min(first + rows_per_part, batch.size());
      std::vector<PageVisit> more = page_visits(batch, starts, first, last);
      if (moving > 0) more.resize(std::bit_ceil(more.size()));
      plan.parts.push_back({static_cast<std::uint32_t>(first),
                            static_cast<std::uint32_t>(last - first),
                            static_cast<std::uint32_t>(max_depths), visits.size(), more.size()});
      visits.insert(visits.end(), more.begin(), more.end());
    }
    plan.visits.assign(visits, stream);
    plan.starts.grow(starts.size(), stream);
    if (moving == 0) plan.starts.upload(starts, stream);
    const std::size_t max_rows = std::min(rows_per_part, batch.size());
    partial_.grow(max_rows * floats_per_row, stream);
    if (max_rows * plan.shape.kv_heads > pages_done_.size()) {
      pages_done_ = DeviceArray<std::uint32_t>(max_rows * plan.shape.kv_heads, stream);
      pages_done_.set_zero(stream);
    }
  }

  std::size_t partial_floats_;
  DeviceArray<Row> rows_;
  DeviceArray<PageSlot> slots_;
  DeviceArray<PageSpan> spans_, span_limits_;
  DeviceArray<std::uint32_t> span_begin_;
  DeviceArray<float> partial_;
  DeviceArray<std::uint32_t> pages_done_;  ///< Zeros between launches.
  std::vector<Angles> angles_;
  bool moving_ = false;
  std::vector<Plan> plans_;
  /// Plans [0, planned_) belong to the current batch; the others keep their memory for later ones.
  std::size_t planned_ = 0;
};

}  // namespace tutti::cuda
