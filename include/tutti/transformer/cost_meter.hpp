// SPDX-License-Identifier: Apache-2.0
#pragma once
// Counts what forward passes cost, from their batches: bytes of weights and of keys and values,
// operations, and seconds.

#include <cstdint>
#include <span>
#include <vector>

#include "tutti/architecture/model_config.hpp"
#include "tutti/backend/backend.hpp"
#include "tutti/backend/batch.hpp"
#include "tutti/base/cost.hpp"
#include "tutti/transformer/weights/weight_sharing.hpp"

namespace tutti {

/// Keeps the ledger of a stack of experts whose weights are shared as `sharing` says.
class CostMeter {
 public:
  CostMeter(WeightSharing sharing, ModelConfig config, KvType kv_type);

  [[nodiscard]] const WeightSharing& sharing() const { return sharing_; }
  [[nodiscard]] const CostLedger& ledger() const { return ledger_; }
  [[nodiscard]] CostLedger& ledger() { return ledger_; }
  /// Sets everything to zero.
  void clear();

  /// Charges one pass of `batch` through all blocks.
  void count_layers(const Batch& batch);

  /// Charges one pass of `groups` through the head.
  void count_head(std::span<const RowGroup> groups);

  /// Ends a pass of `batch`, which took `seconds`.
  void count_step(const Batch& batch, double seconds);

 private:
  void count_weights(std::span<const SharedMatrices> matrices, std::span<const RowGroup> groups);
  double charge_page(std::uint32_t page, double positions);

  WeightSharing sharing_;
  ModelConfig config_;
  KvType kv_type_;
  CostLedger ledger_;
  std::vector<double> charged_;  ///< Positions charged in the current pass, by page.
};

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/transformer/cost_meter-inl.hpp"
#endif
