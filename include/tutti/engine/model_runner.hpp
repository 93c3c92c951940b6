// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the engine needs of a stack of experts, whatever its type: sequences, and batched passes.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tutti/backend/device_decoding.hpp"
#include "tutti/base/cost.hpp"
#include "tutti/base/matrix_view.hpp"
#include "tutti/base/types.hpp"
#include "tutti/transformer/batched_transformer.hpp"

namespace tutti {

/// A stack whose backend can draw tokens on the device, several steps per call; see
/// BatchedTransformer.
template <class Stack>
concept DecodesOnDevice = requires(Stack& stack, const DecodingStart& start,
                                   std::span<const std::uint8_t> running, std::size_t rows) {
  { stack.can_decode(rows) } -> std::same_as<bool>;
  stack.begin_decoding(start);
  { stack.decode(running) } -> std::same_as<std::span<const DrawnToken>>;
};

/// A type that can be a stack: ExpertStack, or one like it.
template <class Stack>
concept RunnableStack = requires(Stack& stack, SequenceId sequence) {
  { stack.representative(std::uint32_t{}) } -> std::same_as<std::uint32_t>;
  stack.release(sequence);
};

/// A stack whose sequences have pages.
template <class Stack>
concept HasPages = requires(Stack& stack) {
  { stack.pages() } -> std::same_as<const KvPageTable&>;
  stack.release_memory();
};

/// The members of a stack, which BatchedTransformer documents.
class ModelRunner {
 public:
  ModelRunner() = default;
  ModelRunner(const ModelRunner&) = delete;
  ModelRunner& operator=(const ModelRunner&) = delete;
  virtual ~ModelRunner() = default;

  [[nodiscard]] virtual std::size_t size() const = 0;
  [[nodiscard]] virtual std::size_t vocabulary_size() const = 0;
  [[nodiscard]] virtual std::size_t context_length() const = 0;
  [[nodiscard]] virtual std::uint32_t representative(std::uint32_t expert) const = 0;

  [[nodiscard]] virtual SequenceId create() = 0;
  [[nodiscard]] virtual SequenceId open(std::uint32_t expert, std::span<const Token> tokens) = 0;
  [[nodiscard]] virtual SequenceId fork(SequenceId parent, std::size_t length) = 0;
  virtual void truncate(SequenceId sequence, std::size_t length) = 0;
  virtual void release(SequenceId sequence) = 0;
  /// No effect on a stack without pages.
  virtual void publish(std::uint32_t expert, SequenceId sequence,
                       std::span<const Token> tokens) = 0;
  [[nodiscard]] virtual std::size_t length(SequenceId sequence) const = 0;
  virtual void clear() = 0;
  virtual void release_memory() = 0;

  /// The page table; null for a stack without one, which always has room.
  [[nodiscard]] virtual const KvPageTable* pages() const = 0;

  virtual MatrixView<const float> forward(std::span<const Row> rows,
                                          std::span<const std::uint32_t> outputs,
                                          std::span<const TargetToken> targets,
                                          std::span<float> log_probabilities) = 0;
  [[nodiscard]] virtual CostLedger& ledger() = 0;
  virtual void for_each(std::size_t count, const std::function<void(std::size_t)>& body) = 0;

  [[nodiscard]] virtual bool can_decode(std::size_t rows) const = 0;
  virtual void begin_decoding(const DecodingStart& start) = 0;
  virtual std::span<const DrawnToken> decode(std::span<const std::uint8_t> running) = 0;
};

/// A stack as a ModelRunner.
template <RunnableStack Stack>
class StackRunner final : public ModelRunner {
 public:
  explicit StackRunner(Stack stack) : stack_(std::move(stack)) {}

  [[nodiscard]] Stack& stack() { return stack_; }
  [[nodiscard]] const Stack& stack() const { return stack_; }

  [[nodiscard]] std::size_t size() const override { return stack_.size(); }
  [[nodiscard]] std::size_t vocabulary_size() const override { return stack_.vocabulary_size(); }
  [[nodiscard]] std::size_t context_length() const override { return stack_.context_length(); }
  [[nodiscard]] std::uint32_t representative(std::uint32_t expert) const override {
    return stack_.representative(expert);
  }
  [[nodiscard]] SequenceId create() override { return stack_.create(); }
  [[nodiscard]] SequenceId open(std::uint32_t expert, std::span<const Token> tokens) override {
    return stack_.open(expert, tokens);
  }
  [[nodiscard]] SequenceId fork(SequenceId parent, std::size_t length) override {
    return stack_.fork(parent, length);
  }
  void truncate(SequenceId sequence, std::size_t length) override {
    stack_.truncate(sequence, length);
  }
  void release(SequenceId sequence) override { stack_.release(sequence); }
  void publish(std::uint32_t expert, SequenceId sequence, std::span<const Token> tokens) override {
    if constexpr (requires { stack_.publish(expert, sequence, tokens); })
      stack_.publish(expert, sequence, tokens);
  }
  [[nodiscard]] std::size_t length(SequenceId sequence) const override {
    return stack_.length(sequence);
  }
  void clear() override { stack_.clear(); }
  void release_memory() override {
    if constexpr (HasPages<Stack>) stack_.release_memory();
  }
  [[nodiscard]] const KvPageTable* pages() const override {
    if constexpr (HasPages<Stack>) {
      return &stack_.pages();
    } else {
      return nullptr;
    }
  }
  MatrixView<const float> forward(std::span<const Row> rows, std::span<const std::uint32_t> outputs,
                                  std::span<const TargetToken> targets,
                                  std::span<float> log_probabilities) override {
    return stack_.forward(rows, outputs, targets, log_probabilities);
  }
  [[nodiscard]] CostLedger& ledger() override { return stack_.ledger(); }
  void for_each(std::size_t count, const std::function<void(std::size_t)>& body) override {
    stack_.for_each(count, body);
  }
  [[nodiscard]] bool can_decode(std::size_t rows) const override {
    if constexpr (DecodesOnDevice<Stack>) {
      return stack_.can_decode(rows);
    } else {
      return false;
    }
  }
  void begin_decoding(const DecodingStart& start) override {
    if constexpr (DecodesOnDevice<Stack>) stack_.begin_decoding(start);
  }
  std::span<const DrawnToken> decode(std::span<const std::uint8_t> running) override {
    if constexpr (DecodesOnDevice<Stack>) {
      return stack_.decode(running);
    } else {
      return {};
    }
  }

 private:
  Stack stack_;
};

}  // namespace tutti
