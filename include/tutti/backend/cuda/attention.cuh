// SPDX-License-Identifier: Apache-2.0
#pragma once
// Enqueues the attention of a batch: which rows visit which page, in how many parts, and where the parts lie until they are merged.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tutti/backend/cuda/parts.cuh"

namespace tutti::cuda {

/// Calls function(T{}) with the element type that `type` names.
template <class Function>
void with_kv_element(KvType type, Function function) {
  switch (type) {
    case KvType::f32: return function(float{});
    case KvType::f16: return function(Float16{});
    case KvType::bf16: return function(BFloat16{});
  }
}

class BatchAttention {
 public:
  /// Uploads what the attention of all layers needs of a batch.
  void begin(const Batch& batch, std::span<const float> frequencies, const Stream& stream) {
    planned_ = false;
    rows_.grow(batch.size());
    rows_.upload(batch.rows, stream);
    slots_.grow(batch.slots.size());
    slots_.upload(batch.slots, stream);
    spans_.grow(batch.spans.size());
    spans_.upload(batch.spans, stream);
    const std::vector<std::uint32_t> begins(batch.span_begin.begin(), batch.span_begin.end());
    span_begin_.grow(begins.size());
    span_begin_.upload(begins, stream);
    if (frequencies_.size() < frequencies.size()) frequencies_ = upload(frequencies, stream);
    pairs_ = static_cast<std::uint32_t>(frequencies.size());
    cosines_.grow(batch.size() * pairs_);
    sines_.grow(batch.size() * pairs_);
    launch({dim3(static_cast<unsigned>(batch.size())), dim3(kWarpThreads)}, stream.get(), rope_angles_kernel<kWarpThreads>, rows_.data(),
           frequencies_.data(), pairs_, cosines_.data(), sines_.data());
  }

  [[nodiscard]] const Row* rows() const { return rows_.data(); }

  void append(const DeviceAttention& shape, const Batch& batch, const KvPages& pages, const Rows& queries, const Rows& keys,
              const Rows& values, const Stream& stream) {
    with_kv_element(pages.shape().type, [&](auto element) {
      launch({dim3(static_cast<unsigned>(batch.size())), dim3(kAttentionThreads)}, stream.get(), append_kernel<decltype(element)>, shape,
             cosines_.data(), sines_.data(), slots_.data(), queries.view(), keys.view(), values.view(), pages.view());
    });
  }

  void attend(const DeviceAttention& shape, const Batch& batch, const KvPages& pages, const Rows& queries, const Rows& out,
              const Stream& stream) {
    if (!planned_) plan(shape, batch, stream);
    for (const Part& part : parts_) {
      with_kv_element(pages.shape().type, [&](auto element) {
        using Element = decltype(element);
        launch({dim3(static_cast<unsigned>(part.visit_count), shape.kv_heads), dim3(kAttentionThreads),
                attention_shared_bytes<Element>(shape.head_dim)},
               stream.get(), partial_attention_kernel<Element>, shape, visits_.data() + part.first_visit, spans_.data(), span_begin_.data(),
               queries.view(), pages.view(), partial_.data(), part.first_row, part.depths);
      });
      launch({dim3(part.row_count, shape.heads), dim3(kWarpThreads)}, stream.get(), merge_attention_kernel<kWarpThreads>, shape,
             partial_.data(), span_begin_.data(), part.first_row, part.depths, out.view());
    }
  }

 private:
  /// Rows whose partial results are in memory at a time.
  struct Part {
    std::uint32_t first_row = 0, row_count = 0, depths = 0;
    std::size_t first_visit = 0, visit_count = 0;
  };

  /// Floats of partial results at a time, unless one row needs more.
  static constexpr std::size_t kPartialFloats = std::size_t{16} << 20;

  void plan(const DeviceAttention& shape, const Batch& batch, const Stream& stream) {
    parts_.clear();
    std::vector<PageVisit> visits;
    std::size_t most_depths = 1;
    for (std::size_t r = 0; r < batch.size(); ++r) most_depths = std::max(most_depths, batch.spans_of(r).size());
    const std::size_t floats_a_row = shape.heads * most_depths * (shape.head_dim + 2);
    const std::size_t rows_a_part = std::max<std::size_t>(1, kPartialFloats / floats_a_row);
    for (std::size_t first = 0; first < batch.size(); first += rows_a_part) {
      const std::size_t last = std::min(first + rows_a_part, batch.size());
      const std::vector<PageVisit> more = page_visits(batch, first, last);
      parts_.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last - first),
                        static_cast<std::uint32_t>(most_depths), visits.size(), more.size()});
      visits.insert(visits.end(), more.begin(), more.end());
    }
    visits_.grow(visits.size());
    visits_.upload(visits, stream);
    partial_.grow(std::min(rows_a_part, batch.size()) * floats_a_row);
    planned_ = true;
  }

  DeviceArray<Row> rows_;
  DeviceArray<PageSlot> slots_;
  DeviceArray<PageSpan> spans_;
  DeviceArray<std::uint32_t> span_begin_;
  DeviceArray<float> frequencies_, cosines_, sines_, partial_;
  DeviceArray<PageVisit> visits_;
  std::vector<Part> parts_;
  std::uint32_t pairs_ = 0;
  bool planned_ = false;
};

}  // namespace tutti::cuda
