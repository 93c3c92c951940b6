// SPDX-License-Identifier: Apache-2.0
#pragma once
// Enqueues the attention of a batch: which rows visit which page, in how many parts, and where the parts lie until they are merged.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tutti/backend/cuda/parts.cuh"

namespace tutti::cuda {

class BatchAttention {
 public:
  /// Uploads what the attention of all layers needs of a batch.
  /// @param frequencies each set has radians a position, one for each pair of a head.
  void begin(const Batch& batch, std::span<const std::vector<float>> frequencies, const Stream& stream) {
    planned_ = 0;
    rows_.grow(batch.size());
    rows_.upload(batch.rows, stream);
    slots_.grow(batch.slots.size());
    slots_.upload(batch.slots, stream);
    spans_.grow(batch.spans.size());
    spans_.upload(batch.spans, stream);
    const std::vector<std::uint32_t> begins(batch.span_begin.begin(), batch.span_begin.end());
    span_begin_.grow(begins.size());
    span_begin_.upload(begins, stream);
    angles_.resize(frequencies.size());
    for (std::size_t set = 0; set < angles_.size(); ++set) turn(angles_[set], batch, frequencies[set], stream);
  }

  [[nodiscard]] const Row* rows() const { return rows_.data(); }

  /// Where the queries, keys and values of a layer go.
  /// @param set of the frequencies given to `begin`; without meaning where `shape.turned` is false.
  [[nodiscard]] CacheEntry entry(const DeviceAttention& shape, std::size_t set, const KvPages& pages) const {
    return {.shape = shape,
            .cosines = shape.turned ? angles_[set].cosines.data() : nullptr,
            .sines = shape.turned ? angles_[set].sines.data() : nullptr,
            .slots = slots_.data(),
            .pages = pages.view()};
  }

  /// @param window positions that a row sees, its own included; 0 for all.
  void attend(const DeviceAttention& shape, std::size_t window, const Batch& batch, const KvPages& pages, const Rows& queries,
              const Rows& out, const Stream& stream) {
    const Plan& plan = plan_of(shape, window, batch, stream);
    for (const Part& part : plan.parts) {
      const PartialResults partial{partial_.data(), pages_done_.data(), part.first_row, part.depths};
      with_kv_type(pages.shape().type, [&](auto element) {
        using Element = decltype(element);
        launch({dim3(static_cast<unsigned>(part.visit_count), shape.kv_heads), dim3(kAttentionThreads),
                attention_shared_bytes<Element>(shape.head_dim)},
               stream.get(), attention_kernel<Element>, shape, plan.visits.data() + part.first_visit, spans_.data(), span_begin_.data(),
               plan.starts.data(), queries.view(), pages.view(), partial, out.view());
      });
    }
  }

 private:
  /// [rows, pairs] each.
  struct Angles {
    DeviceArray<float> frequencies, cosines, sines;
  };

  /// Rows whose partial results are in memory at a time.
  struct Part {
    std::uint32_t first_row = 0, row_count = 0, depths = 0;
    std::size_t first_visit = 0, visit_count = 0;
  };

  /// What the layers with one window do with the batch.
  struct Plan {
    std::size_t window = 0;
    std::vector<Part> parts;
    DeviceArray<PageVisit> visits;
    DeviceArray<WindowStart> starts;
  };

  /// Floats of partial results at a time, unless one row needs more.
  static constexpr std::size_t kPartialFloats = std::size_t{16} << 20;

  void turn(Angles& angles, const Batch& batch, std::span<const float> frequencies, const Stream& stream) {
    if (angles.frequencies.size() != frequencies.size()) angles.frequencies = upload(frequencies, stream);
    angles.cosines.grow(batch.size() * frequencies.size());
    angles.sines.grow(batch.size() * frequencies.size());
    launch({dim3(static_cast<unsigned>(batch.size())), dim3(kWarpThreads)}, stream.get(), rope_angles_kernel<kWarpThreads>, rows_.data(),
           angles.frequencies.data(), static_cast<std::uint32_t>(frequencies.size()), angles.cosines.data(), angles.sines.data());
  }

  /// The plan of the batch in work, made when the first layer with its window asks.
  const Plan& plan_of(const DeviceAttention& shape, std::size_t window, const Batch& batch, const Stream& stream) {
    for (std::size_t i = 0; i < planned_; ++i) {
      if (plans_[i].window == window) return plans_[i];
    }
    if (planned_ == plans_.size()) plans_.emplace_back();
    Plan& plan = plans_[planned_++];
    plan.window = window;
    plan.parts.clear();
    std::vector<PageVisit> visits;
    std::vector<WindowStart> starts;
    std::size_t most_depths = 1;
    for (std::size_t r = 0; r < batch.size(); ++r) {
      starts.push_back(window_start(batch.spans_of(r), window));
      most_depths = std::max(most_depths, batch.spans_of(r).size());
    }
    const std::size_t floats_a_row = shape.heads * most_depths * (shape.head_dim + 2);
    const std::size_t rows_a_part = std::max<std::size_t>(1, kPartialFloats / floats_a_row);
    for (std::size_t first = 0; first < batch.size(); first += rows_a_part) {
      const std::size_t last = std::min(first + rows_a_part, batch.size());
      const std::vector<PageVisit> more = page_visits(batch, starts, first, last);
      plan.parts.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last - first),
                            static_cast<std::uint32_t>(most_depths), visits.size(), more.size()});
      visits.insert(visits.end(), more.begin(), more.end());
    }
    plan.visits.grow(visits.size());
    plan.visits.upload(visits, stream);
    plan.starts.grow(starts.size());
    plan.starts.upload(starts, stream);
    const std::size_t most_rows = std::min(rows_a_part, batch.size());
    partial_.grow(most_rows * floats_a_row);
    if (most_rows * shape.kv_heads > pages_done_.size()) {
      pages_done_ = DeviceArray<std::uint32_t>(most_rows * shape.kv_heads);
      pages_done_.set_zero(stream);
    }
    return plan;
  }

  DeviceArray<Row> rows_;
  DeviceArray<PageSlot> slots_;
  DeviceArray<PageSpan> spans_;
  DeviceArray<std::uint32_t> span_begin_;
  DeviceArray<float> partial_;
  DeviceArray<std::uint32_t> pages_done_;  ///< Zeros between launches.
  std::vector<Angles> angles_;
  std::vector<Plan> plans_;
  std::size_t planned_ = 0;  ///< The first so many plans are of the batch in work; the others keep their memory for later ones.
};

}  // namespace tutti::cuda
