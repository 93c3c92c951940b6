// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory of the KV cache on the CPU, and attention of a batch over its pages. Neighboring rows that
// attend to the same page (samples of one prompt, rows of a prefill) read it once. Pages before a
// row's window are not read.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/batch.hpp"
#include "tutti/backend/cpu/aligned_buffer.hpp"
#include "tutti/backend/cpu/attention/attention_query.hpp"
#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/threads/thread_pool.hpp"

namespace tutti::cpu {

/// One block of memory per page: for each layer and kv head keys [head_dim][kPagePositions], then
/// values [kPagePositions][head_dim].
class KvStorage {
 public:
  explicit KvStorage(const KvShape& shape, const Kernels& kernels = default_kernels())
      : shape_(shape), kernels_(&kernels) {}

  [[nodiscard]] const KvShape& shape() const { return shape_; }

  /// Allocates memory for the first `count` pages. Only positions that have been written are read.
  void reserve(std::size_t count) {
    if (pages_.size() < count) pages_.resize(count);
    if (allocated_ == pages_.size()) return;
    for (AlignedBuffer<std::byte>& page : pages_) {
      if (page.size() == 0) page = AlignedBuffer<std::byte>(shape_.page_bytes());
    }
    allocated_ = pages_.size();
  }

  /// Frees the memory of pages that nothing uses, until the next `reserve`.
  void release(std::span<const PageId> unused) {
    for (const PageId page : unused) {
      if (page >= pages_.size() || pages_[page].size() == 0) continue;
      pages_[page] = AlignedBuffer<std::byte>();
      --allocated_;
    }
  }

  void copy(PageCopy copy) {
    std::copy_n(pages_[copy.from].data(), shape_.page_bytes(), pages_[copy.to].data());
  }

  /// Memory of all pages.
  [[nodiscard]] std::size_t bytes() const { return allocated_ * shape_.page_bytes(); }

  /// Stores one position's keys and values, [kv_heads * head_dim] floats each.
  void write(PageSlot slot, std::size_t layer, const float* keys, const float* values) {
    for (std::size_t h = 0; h < shape_.kv_heads; ++h) {
      std::byte* head = pages_[slot.page].data() + head_offset(layer, h);
      kernels_->store_key_value(shape_.type, head, head + half_bytes(), shape_.head_dim,
                                slot.offset, keys + h * shape_.head_dim,
                                values + h * shape_.head_dim);
    }
  }

  [[nodiscard]] KvChunk chunk(PageId page, std::size_t layer, std::size_t kv_head) const {
    const std::byte* head = pages_[page].data() + head_offset(layer, kv_head);
    return {head, head + half_bytes()};
  }

 private:
  /// Bytes of the keys, or of the values, of one page, layer and kv head.
  [[nodiscard]] std::size_t half_bytes() const {
    return shape_.head_dim * kPagePositions * bytes_of(shape_.type);
  }
  [[nodiscard]] std::size_t head_offset(std::size_t layer, std::size_t kv_head) const {
    return (layer * shape_.kv_heads + kv_head) * 2 * half_bytes();
  }

  KvShape shape_;
  const Kernels* kernels_;
  std::vector<AlignedBuffer<std::byte>> pages_;
  std::size_t allocated_ = 0;  ///< Number of pages that have memory.
};

namespace detail {

/// Maximum number of rows whose queries visit the pages together; bounds the working memory of a
/// prefill.
inline constexpr std::size_t kAttentionRows = 16;

/// Rows per task, so that each of `threads` threads gets several tasks. An even number, as
/// neighboring rows often read the same pages.
[[nodiscard]] inline std::size_t attention_rows(std::size_t rows, std::size_t kv_heads,
                                                std::size_t threads) {
  constexpr std::size_t kTasksPerThread = 4;
  return std::clamp<std::size_t>(rows * kv_heads / (kTasksPerThread * threads) / 2 * 2, 2,
                                 kAttentionRows);
}

/// Batch rows [first, last) for one kv head. `queries` is scratch: each row's query heads lie
/// together.
inline void attend_block(const AttentionShape& shape, std::size_t layer, std::size_t kv_head,
                         const Batch& batch, const KvStorage& pages, std::size_t first,
                         std::size_t last, std::span<AttentionQuery> queries,
                         const Kernels& kernels) {
  const std::size_t group = shape.heads / shape.kv_heads;
  std::array<WindowStart, kAttentionRows> starts;
  std::size_t depth = batch.spans_of(first).size();
  std::size_t deepest = 0;
  for (std::size_t r = first; r < last; ++r) {
    starts[r - first] = window_start(batch.spans_of(r), shape.window);
    depth = std::min<std::size_t>(depth, starts[r - first].span);
    deepest = std::max(deepest, batch.spans_of(r).size());
  }
  // Whether row r reads its span at `depth` and that span is on `page`.
  const auto reads = [&](std::size_t r, PageId page) {
    const std::span<const PageSpan> spans = batch.spans_of(r);
    return depth >= starts[r - first].span && depth < spans.size() && spans[depth].page == page;
  };
  for (; depth < deepest; ++depth) {
    for (std::size_t r = first; r < last;) {
      const PageId page = depth < batch.spans_of(r).size() ? batch.spans_of(r)[depth].page : 0;
      const std::size_t begin = r;
      for (; r < last && reads(r, page); ++r) {
        const WindowStart start = starts[r - first];
        for (std::size_t h = 0; h < group; ++h) {
          AttentionQuery& query = queries[(r - first) * group + h];
          query.positions = batch.spans_of(r)[depth].count;
          query.first = depth == start.span ? start.position : 0;
        }
      }
      if (r == begin) {
        ++r;
        continue;
      }
      kernels.attend_chunk(pages.shape().type,
                           queries.subspan((begin - first) * group, (r - begin) * group),
                           shape.head_dim, pages.chunk(page, layer, kv_head));
    }
  }
  for (std::size_t i = 0; i < (last - first) * group; ++i)
    kernels.finish_attention(queries[i], shape.head_dim);
}

}  // namespace detail

/// out = softmax(scale q K^T) V for every row and head, over the positions of its window. `q` is
/// scaled in place; both are [rows, heads * head_dim].
inline void attend_pages(const AttentionShape& shape, std::size_t layer, const Batch& batch,
                         const KvStorage& pages, MatrixView<float> q, MatrixView<float> out,
                         ThreadPool& pool, const Kernels& kernels = default_kernels()) {
  const std::size_t group = shape.heads / shape.kv_heads;
  const std::size_t group_width = group * shape.head_dim;
  const std::size_t rows_per_task = detail::attention_rows(batch.size(), shape.kv_heads,
                                                           pool.size());
  const std::size_t blocks = (batch.size() + rows_per_task - 1) / rows_per_task;
  pool.for_each(blocks * shape.kv_heads, [&](std::size_t task) {
    const std::size_t kv_head = task % shape.kv_heads;
    const std::size_t first = task / shape.kv_heads * rows_per_task;
    const std::size_t last = std::min(first + rows_per_task, batch.size());
    std::vector<AttentionQuery> queries((last - first) * group);
    for (std::size_t r = first; r < last; ++r) {
      float* query = q.row(r) + kv_head * group_width;
      float* output = out.row(r) + kv_head * group_width;
      for (std::size_t i = 0; i < group_width; ++i) query[i] *= shape.scale;
      std::fill_n(output, group_width, 0.0F);
      for (std::size_t h = 0; h < group; ++h) {
        AttentionQuery& entry = queries[(r - first) * group + h];
        entry.query = query + h * shape.head_dim;
        entry.output = output + h * shape.head_dim;
      }
    }
    detail::attend_block(shape, layer, kv_head, batch, pages, first, last, queries, kernels);
  });
}

}  // namespace tutti::cpu
