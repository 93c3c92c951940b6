// SPDX-License-Identifier: Apache-2.0
#pragma once
// What one rendering may use (steps, text, nesting) and how its errors are reported, with the line
// of the template. Hostile templates end in an error, never in an exhausted stack or memory.

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/text/chat/chat_limits.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti {

namespace jinja {

inline constexpr std::size_t kStringFactor = 64;

/// range() makes at most this many items, as in Jinja's sandbox.
inline constexpr std::size_t kMaxRange = 100'000;

class Runtime {
 public:
  explicit Runtime(const ChatLimits& limits = {}, std::optional<std::tm> now = std::nullopt)
      : now_(now), limits_(limits) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Namespaces may hold each other; emptying them breaks the cycles.
  ~Runtime() {
    for (const auto& space : namespaces_) space->attributes = {};
  }

  /// The template does not fit its messages.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    tutti::fail<OptionError>("chat template, line ", line_, ": ", parts...);
  }

  /// The template asks for what the engine does not have.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    tutti::fail<FormatError>("chat template, line ", line_, ": ", parts...);
  }

  void set_line(std::size_t line) { line_ = line; }
  [[nodiscard]] std::size_t line() const { return line_; }
  [[nodiscard]] const std::optional<std::tm>& now() const { return now_; }

  void charge_steps(std::size_t count) {
    if (count > limits_.max_steps - steps_) {
      tutti::fail<CapacityError>("chat template, line ", line_, ": more than ", limits_.max_steps,
                                 " steps; raise ChatLimits::max_steps if the template is sound");
    }
    steps_ += count;
  }

  /// To be called before a string of `bytes` is made.
  void charge_text(std::size_t bytes) {
    if (bytes > limits_.max_output_bytes ||
        bytes / kStringFactor > limits_.max_output_bytes - text_ / kStringFactor) {
      tutti::fail<CapacityError>("chat template, line ", line_, ": a string of ", bytes,
                                 " bytes, after ", text_, " bytes of others; at most ",
                                 limits_.max_output_bytes, " and ", kStringFactor,
                                 " times as many in all (ChatLimits::max_output_bytes)");
    }
    text_ += bytes;
  }

  /// To be called while a string grows that charge_text will count.
  void require_text(std::size_t bytes) {
    charge_text(bytes);
    text_ -= bytes;
  }

  /// Counts one level of nesting while it lives.
  class Level {
   public:
    explicit Level(Runtime& runtime) : runtime_(runtime) {
      if (runtime_.depth_ >= runtime_.limits_.max_depth) {
        tutti::fail<CapacityError>("chat template, line ", runtime_.line_, ": more than ",
                                   runtime_.limits_.max_depth,
                                   " levels of nesting (ChatLimits::max_depth)");
      }
      ++runtime_.depth_;
    }
    ~Level() { --runtime_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Runtime& runtime_;
  };

  [[nodiscard]] std::shared_ptr<Namespace> make_namespace() {
    return namespaces_.emplace_back(std::make_shared<Namespace>());
  }

  /// Makes a container of these items.
  [[nodiscard]] Value make_sequence(SequenceKind kind, std::vector<Value> items,
                                    std::string_view label = {}) {
    charge_steps(items.size());
    auto sequence = std::make_shared<Sequence>();
    sequence->kind = kind;
    for (const Value& item : items) sequence->depth = deeper(sequence->depth, item);
    sequence->items = std::move(items);
    sequence->label = label;
    return Value(std::shared_ptr<const Sequence>(std::move(sequence)));
  }
  [[nodiscard]] Value make_list(std::vector<Value> items) {
    return make_sequence(SequenceKind::list, std::move(items));
  }
  [[nodiscard]] Value make_tuple(std::vector<Value> items) {
    return make_sequence(SequenceKind::tuple, std::move(items));
  }
  [[nodiscard]] Value make_generator(std::vector<Value> items) {
    return make_sequence(SequenceKind::generator, std::move(items));
  }
  [[nodiscard]] Value make_dict(Dict dict) {
    charge_steps(dict.entries.size());
    for (const Dict::Entry& entry : dict.entries) {
      dict.depth = deeper(deeper(dict.depth, entry.key), entry.value);
    }
    return Value(std::make_shared<const Dict>(std::move(dict)));
  }
  [[nodiscard]] Value make_string(TaintedText text) {
    charge_text(text.size());
    return Value(std::move(text));
  }

  /// The depth of a container that has `depth` so far and gets `item`.
  [[nodiscard]] std::size_t deeper(std::size_t depth, const Value& item) const {
    if (item.depth() >= kMaxValueDepth) {
      tutti::fail<CapacityError>("chat template, line ", line_, ": more than ", kMaxValueDepth,
                                 " lists or dicts within each other");
    }
    return std::max(depth, item.depth() + 1);
  }

 private:
  std::optional<std::tm> now_;
  ChatLimits limits_;
  std::size_t line_ = 1;
  std::size_t steps_ = 0;
  std::size_t text_ = 0;
  std::size_t depth_ = 0;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
};

}  // namespace jinja
}  // namespace tutti
