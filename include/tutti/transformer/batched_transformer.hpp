// SPDX-License-Identifier: Apache-2.0
#pragma once
// N transformers of one architecture that run as one: their stacked weights, their KV cache, and
// the batched forward pass over any rows, with its costs. The number of experts is a run-time value
// here; ExpertStack fixes it.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/batch.hpp"
#include "tutti/backend/device_decoding.hpp"
#include "tutti/base/cost.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/transformer/cost_meter.hpp"
#include "tutti/transformer/forward_pass.hpp"
#include "tutti/transformer/stack_options.hpp"
#include "tutti/transformer/weights/weight_sharing.hpp"
#include "tutti/transformer/weights/weights.hpp"

namespace tutti {

/// A log-probability query: log p(`target`) after batch row `row`.
struct TargetToken {
  std::uint32_t row = 0;
  Token target = 0;
};

template <Backend B>
class BatchedTransformer {
 public:
  /// @param experts one or more, with equal configurations (check_experts_fit). Tensors that are
  /// equal in several experts are stored once.
  /// @throws ModelError naming the first difference when the experts do not fit each other;
  /// OptionError when a stack option is out of its range.
  BatchedTransformer(std::span<const ModelWeights> experts,
                     typename B::Options backend_options = {}, StackOptions options = {})
      : BatchedTransformer(share_equal_tensors({experts.begin(), experts.end()}), backend_options,
                           options) {}

  [[nodiscard]] std::size_t size() const { return experts_.size(); }
  [[nodiscard]] const ModelConfig& config() const { return experts_.front().config; }
  [[nodiscard]] std::size_t vocabulary_size() const { return config().vocabulary_size; }
  /// Width of what `forward` returns: the vocabulary, or the labels of a reward model.
  [[nodiscard]] std::size_t output_width() const {
    return detail::output_layer(experts_.front())->weight.rows;
  }
  /// Positions that every expert can attend to, or fewer if the options say so.
  [[nodiscard]] std::size_t context_length() const { return options_.context_length; }

  /// The lowest expert whose weights are all equal to this one's. Its logits are this one's, too.
  [[nodiscard]] std::uint32_t representative(std::uint32_t expert) const {
    return costs_.sharing().representative.at(expert);
  }

  // Sequences. A sequence belongs to the expert whose rows are appended to it; experts with the
  // same representative may share one.
  [[nodiscard]] SequenceId create() { return cache_.create(); }
  /// A sequence for the text `tokens` of `expert`, which begins with what the cache holds of it:
  /// see KvPageTable::open. Append the tokens from length(sequence) on.
  [[nodiscard]] SequenceId open(std::uint32_t expert, std::span<const Token> tokens) {
    return cache_.open(representative(expert), tokens);
  }
  [[nodiscard]] SequenceId fork(SequenceId parent, std::size_t length) {
    return cache_.fork(parent, length);
  }
  void truncate(SequenceId sequence, std::size_t length) { cache_.truncate(sequence, length); }
  void release(SequenceId sequence) { cache_.release(sequence); }
  /// Says what the tokens of a sequence are that was decoded on the device, so that later sequences
  /// find its pages: see KvPageTable::publish.
  void publish(std::uint32_t expert, SequenceId sequence, std::span<const Token> tokens) {
    cache_.publish(sequence, representative(expert), tokens);
  }
  [[nodiscard]] std::size_t length(SequenceId sequence) const { return cache_.length(sequence); }

  /// The page table: which pages are in use, idle and free.
  [[nodiscard]] const KvPageTable& pages() const { return cache_; }
  /// Forgets what the cache holds of released sequences and gives the memory of free pages back.
  void release_memory() { backend_.release_pages(pages_, cache_.evict_idle()); }

  /// Removes all sequences and cached pages and sets the costs to zero. After an exception this
  /// makes the stack usable again.
  void clear() {
    cache_.clear();
    costs_.clear();
  }

  /// Appends `rows` to their sequences and returns one row of logits for each of `outputs` (indices
  /// into `rows`, ascending): [outputs.size(), output_width()], valid until the next call. Writes
  /// log p(target) for each of `targets`, which is ascending by row, in nats:
  /// log_probabilities[i] belongs to targets[i]. The logits that only targets need are computed for
  /// kTargetRows rows at a time.
  /// @throws OptionError, CapacityError as plan_batch does. Logits are not checked for NaN.
  MatrixView<const float> forward(std::span<const Row> rows, std::span<const std::uint32_t> outputs,
                                  std::span<const TargetToken> targets,
                                  std::span<float> log_probabilities) {
    reserve_outputs(outputs.size());
    std::size_t done = 0, scored = 0;
    for_each_pass(rows, [&](const Batch& batch, std::size_t first) {
      const std::vector<std::uint32_t> chosen = outputs_within(outputs, first, batch.size());
      if (!chosen.empty()) head(batch, chosen, outputs_, done);
      done += chosen.size();
      scored += score_pass(batch, first, targets.subspan(scored),
                           log_probabilities.subspan(scored));
    });
    return backend_.host(outputs_, outputs.size());
  }

  /// The same without targets.
  MatrixView<const float> forward(std::span<const Row> rows,
                                  std::span<const std::uint32_t> outputs) {
    return forward(rows, outputs, {}, {});
  }

  /// The same with targets only.
  void log_probabilities(std::span<const Row> rows, std::span<const TargetToken> targets,
                         std::span<float> log_probabilities) {
    (void)forward(rows, {}, targets, log_probabilities);
  }

  // Decoding on the device, for backends that support it.

  /// Whether `decode` can run `rows` rows; otherwise the host has to draw tokens.
  [[nodiscard]] bool can_decode(std::size_t rows) const requires DeviceDecoding<B> {
    return rows <= options_.rows_per_pass && backend_.steps_per_poll() > 0;
  }
  /// Starts decoding with the given rows, whose sequences hold everything before them.
  /// @throws OptionError, CapacityError as forward does.
  void begin_decoding(const DecodingStart& start) requires DeviceDecoding<B> {
    check_rows(start.rows);
    reserve_outputs(start.rows.size());
    decoding_.assign(start.rows.begin(), start.rows.end());
    steps_left_ = start.max_steps;
    steps_made_ = steps_counted_ = 0;
    backend_.begin_decoding(start, decoding_batch([](std::size_t) { return true; }, 0),
                            experts_.front().rope_inverse_frequencies);
  }
  /// Enqueues decode steps for the rows that run: as many as the backend makes between two polls,
  /// or one if the cache is nearly full.
  /// @returns finished steps that have not been returned yet, shape [n, rows], valid until the next
  /// call; empty once `max_steps` steps have been returned.
  /// @throws CapacityError when the cache is full.
  std::span<const DrawnToken> decode(std::span<const std::uint8_t> running) requires
      DeviceDecoding<B> {
    const auto start = std::chrono::steady_clock::now();
    std::size_t steps = std::min(backend_.steps_per_poll(), steps_left_);
    std::size_t pages = 0;
    for (std::size_t r = 0; r < decoding_.size(); ++r) {
      if (running[r] != 0) pages += cache_.pages_to_append(decoding_[r].sequence, steps);
    }
    if (pages > cache_.pages_left()) steps = std::min<std::size_t>(steps, 1);
    for (std::size_t r = 0; r < decoding_.size(); ++r) {
      for (std::size_t s = 0; running[r] != 0 && s < steps; ++s)
        (void)cache_.append(decoding_[r].sequence);
    }
    backend_.reserve_pages(pages_, cache_.pages_needed());
    backend_.copy_pages(pages_, cache_.take_copies());
    const Batch batch = decoding_batch([](std::size_t) { return true; }, steps_made_ + steps,
                                       running);
    std::vector<std::uint32_t> all(batch.size());
    std::iota(all.begin(), all.end(), 0U);
    const std::span<const DrawnToken> drawn = backend_.decode(batch, pages_, outputs_, steps, [&] {
      run_layers(backend_, weights_, config(), batch, pages_, buffers_);
      run_head(backend_, weights_, config(), batch, all, buffers_, outputs_, 0);
    });
    steps_left_ -= steps;
    steps_made_ += steps;
    count_decoded(drawn, running,
                  std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return drawn;
  }

  [[nodiscard]] const CostLedger& ledger() const { return costs_.ledger(); }
  [[nodiscard]] CostLedger& ledger() { return costs_.ledger(); }
  /// Calls body(0), ..., body(count - 1) on the backend's host threads.
  template <class Body>
  void for_each(std::size_t count, Body&& body) {
    backend_.for_each(count, std::forward<Body>(body));
  }

 private:
  BatchedTransformer(SharedExperts shared, typename B::Options backend_options,
                     StackOptions options)
      : experts_(std::move(shared.experts)),
        backend_(backend_options),
        options_(detail::checked_options(options, experts_)),
        costs_(std::move(shared.sharing), config(), options.kv_type),
        weights_(backend_, pointers(), &detail::output_layer),
        buffers_(backend_, config(), options.rows_per_pass),
        cache_(detail::kv_shape(config(), options_).max_pages),
        pages_(backend_.make_pages(detail::kv_shape(config(), options_))),
        outputs_capacity_(target_rows()),
        outputs_(backend_.make_rows(outputs_capacity_, output_width())) {}

  /// Rows of logits held at a time when only log-probabilities are wanted.
  static constexpr std::size_t kTargetRows = 64;
  [[nodiscard]] std::size_t target_rows() const {
    return std::min(kTargetRows, options_.rows_per_pass);
  }

  [[nodiscard]] std::vector<const ModelWeights*> pointers() const {
    std::vector<const ModelWeights*> result;
    for (const ModelWeights& expert : experts_) result.push_back(&expert);
    return result;
  }

  void reserve_outputs(std::size_t count) {
    if (count <= outputs_capacity_) return;
    outputs_ = backend_.make_rows(count, output_width());
    outputs_capacity_ = count;
  }

  /// Plans and runs `rows` in passes of rows_per_pass; calls `then(batch, first row)` after each,
  /// while its hidden states are valid.
  template <class Then>
  void for_each_pass(std::span<const Row> rows, Then then) {
    check_rows(rows);
    for (std::size_t first = 0; first < rows.size(); first += options_.rows_per_pass) {
      const auto start = std::chrono::steady_clock::now();
      const Batch batch = plan_batch(
          rows.subspan(first, std::min(options_.rows_per_pass, rows.size() - first)), cache_);
      backend_.reserve_pages(pages_, cache_.pages_needed());
      backend_.copy_pages(pages_, batch.copies);
      backend_.begin(batch, experts_.front().rope_inverse_frequencies);
      run_layers(backend_, weights_, config(), batch, pages_, buffers_);
      cache_.publish_pages();
      costs_.count_layers(batch);
      then(batch, first);
      costs_.count_step(
          batch, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }

  void check_rows(std::span<const Row> rows) const {
    detail::check_rows(rows, size(), vocabulary_size(), context_length());
  }

  static std::vector<std::uint32_t> outputs_within(std::span<const std::uint32_t> outputs,
                                                   std::size_t first, std::size_t count) {
    std::vector<std::uint32_t> chosen;
    for (const std::uint32_t row : outputs) {
      if (row >= first && row < first + count)
        chosen.push_back(static_cast<std::uint32_t>(row - first));
    }
    return chosen;
  }

  void head(const Batch& batch, std::span<const std::uint32_t> chosen, typename B::Rows& out,
            std::size_t first_output) {
    run_head(backend_, weights_, config(), batch, chosen, buffers_, out, first_output);
    costs_.count_head(groups_of(batch, chosen));
  }

  /// Writes the log-probabilities of the first of `targets`, those in the pass of `batch`, which
  /// begins at row `first`. @returns their number.
  std::size_t score_pass(const Batch& batch, std::size_t first,
                         std::span<const TargetToken> targets, std::span<float> log_probabilities) {
    std::size_t done = 0;
    while (done < targets.size() && targets[done].row < first + batch.size()) {
      std::vector<std::uint32_t> chosen;
      std::vector<Token> wanted;
      const std::size_t begin = done;
      for (; done < targets.size() && targets[done].row < first + batch.size() &&
             chosen.size() < target_rows();  // rows may repeat
           ++done) {
        chosen.push_back(static_cast<std::uint32_t>(targets[done].row - first));
        wanted.push_back(targets[done].target);
      }
      if (target_logits_.width() == 0)
        target_logits_ = backend_.make_rows(target_rows(), output_width());
      head(batch, chosen, target_logits_, 0);
      backend_.log_probabilities(target_logits_, wanted,
                                 log_probabilities.subspan(begin, chosen.size()));
    }
    return done;
  }

  /// The batch of rows for which `wanted(r)`. Each attends to `length` positions past its start;
  /// stopped rows attend to none.
  template <class Wanted>
  [[nodiscard]] Batch decoding_batch(Wanted wanted, std::size_t length,
                                     std::span<const std::uint8_t> running = {}) const {
    Batch batch;
    std::vector<std::uint32_t> all;
    batch.span_begin.push_back(0);
    for (std::size_t r = 0; r < decoding_.size(); ++r) {
      if (!wanted(r)) continue;
      all.push_back(static_cast<std::uint32_t>(batch.rows.size()));
      batch.rows.push_back(decoding_[r]);
      batch.slots.emplace_back();
      if (!running.empty() && running[r] != 0)
        cache_.append_spans(decoding_[r].sequence, decoding_[r].position + length, batch.spans);
      batch.span_begin.push_back(batch.spans.size());
    }
    batch.groups = groups_of(batch, all);
    return batch;
  }

  /// Charges the returned steps, which took `seconds`, to the ledger. Rows already finished on the
  /// device or released by the host are skipped.
  void count_decoded(std::span<const DrawnToken> drawn, std::span<const std::uint8_t> running,
                     double seconds) {
    const std::size_t steps = drawn.size() / decoding_.size();
    for (std::size_t s = 0; s < steps; ++s, ++steps_counted_) {
      const auto counts = [&](std::size_t r) {
        return running[r] != 0 && drawn[s * decoding_.size() + r].token != DrawnToken::kEnded;
      };
      Batch batch = decoding_batch(counts, steps_counted_ + 1, running);
      if (batch.size() == 0) continue;
      for (Row& row : batch.rows) row.position += static_cast<std::uint32_t>(steps_counted_);
      costs_.count_layers(batch);
      costs_.count_head(batch.groups);
      costs_.count_step(batch, seconds / static_cast<double>(steps));
    }
  }

  std::vector<ModelWeights> experts_;
  B backend_;
  StackOptions options_;
  CostMeter costs_;
  StackedWeights<B> weights_;
  ForwardBuffers<B> buffers_;
  KvPageTable cache_;
  typename B::KvStorage pages_;
  std::size_t outputs_capacity_;
  typename B::Rows outputs_;
  typename B::Rows target_logits_;  ///< Allocated when it is first needed.
  /// The rows that decode on the device, as of its first step.
  std::vector<Row> decoding_;
  std::size_t steps_left_ = 0, steps_made_ = 0, steps_counted_ = 0;
};

}  // namespace tutti
