// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of cost_meter.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "tutti/base/macros.hpp"
#include "tutti/transformer/cost_meter.hpp"

namespace tutti {

TUTTI_INLINE CostMeter::CostMeter(WeightSharing sharing, ModelConfig config, KvType kv_type)
    : sharing_(std::move(sharing)), config_(std::move(config)), kv_type_(kv_type) {
  clear();
}

TUTTI_INLINE void CostMeter::clear() {
  ledger_ = {};
  ledger_.per_expert.resize(sharing_.representative.size());
}

TUTTI_INLINE void CostMeter::count_layers(const Batch& batch) {
  count_weights(sharing_.layers, batch.groups);
  const double flops_per_position = 4.0 * static_cast<double>(config_.heads * config_.head_dim);
  const double bytes_per_position = 2.0 * static_cast<double>(config_.kv_heads * config_.head_dim *
                                                              bytes_of(kv_type_));
  std::size_t sliding_layers = 0;
  for (std::size_t l = 0; l < config_.layers; ++l)
    sliding_layers += config_.window_of(l) != 0 ? 1U : 0U;
  charged_.clear();
  for (std::size_t r = 0; r < batch.size(); ++r) {
    Cost& cost = ledger_.per_expert[batch.rows[r].expert];
    const std::size_t length = batch.rows[r].position + std::size_t{1};
    const std::size_t window_begin = length -
                                     std::min(length, config_.sliding_window.value_or(length));
    std::size_t end = 0;
    for (const PageSpan& span : batch.spans_of(r)) {
      end += span.count;
      const std::size_t in_window = std::min<std::size_t>(span.count,
                                                          end - std::min(end, window_begin));
      const auto positions = static_cast<double>((config_.layers - sliding_layers) * span.count +
                                                 sliding_layers * in_window);
      cost.flops += flops_per_position * positions;
      cost.kv_bytes += bytes_per_position * charge_page(span.page, positions);
    }
  }
}

TUTTI_INLINE void CostMeter::count_head(std::span<const RowGroup> groups) {
  count_weights(sharing_.head, groups);
}

TUTTI_INLINE void CostMeter::count_step(const Batch& batch, double seconds) {
  for (const RowGroup& group : batch.groups) {
    ledger_.per_expert[group.expert].seconds += seconds * static_cast<double>(group.count) /
                                                static_cast<double>(batch.size());
  }
  ++ledger_.steps;
}

/// Bytes that several groups share are split evenly between them.
TUTTI_INLINE void CostMeter::count_weights(std::span<const SharedMatrices> matrices,
                                           std::span<const RowGroup> groups) {
  for (const SharedMatrices& shared : matrices) {
    for (const RowGroup& group : groups) {
      const std::size_t e = group.expert;
      const auto sharers = std::count_if(groups.begin(), groups.end(), [&](const RowGroup& other) {
        return shared.owner[other.expert] == shared.owner[e];
      });
      ledger_.per_expert[e].weight_bytes += shared.bytes[e] / static_cast<double>(sharers);
      ledger_.per_expert[e].flops += 2.0 * shared.elements[e] * static_cast<double>(group.count);
    }
  }
}

/// Returns how many of the `positions` (summed over layers) of `page` no earlier row of this pass
/// has been charged for.
TUTTI_INLINE double CostMeter::charge_page(std::uint32_t page, double positions) {
  if (page >= charged_.size()) charged_.resize(page + std::size_t{1});
  const double before = std::exchange(charged_[page], std::max(charged_[page], positions));
  return charged_[page] - before;
}

}  // namespace tutti
