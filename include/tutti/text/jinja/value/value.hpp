// SPDX-License-Identifier: Apache-2.0
#pragma once
// The values that chat templates compute with: Python's None, bool, int (64 bits), float, str,
// list, tuple and dict, Jinja's undefined and namespace, and what can be called. Copies share their
// data; only namespaces can change. Nesting is bounded, so that destructors never exhaust the
// stack.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/text/jinja/strings/tainted_text.hpp"

namespace tutti::jinja {

struct Callable;
struct Dict;
struct Loop;
struct Namespace;
struct Sequence;

/// Containers nested deeper than this are refused.
inline constexpr std::size_t kMaxValueDepth = 100;

/// A value that is missing. `reason` says what is missing, for error messages.
struct Undefined {
  std::shared_ptr<const std::string> reason;
};

struct None {};

class Value {
 public:
  using String = std::shared_ptr<const TaintedText>;
  using Variant = std::variant<Undefined, None, bool, std::int64_t, double, String,
                               std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
                               std::shared_ptr<Namespace>, std::shared_ptr<const Loop>,
                               std::shared_ptr<const Callable>>;

  /// Undefined.
  Value() = default;
  Value(None none) : data_(none) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(std::int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string text) : Value(TaintedText(std::move(text))) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(TaintedText text) : data_(std::make_shared<const TaintedText>(std::move(text))) {}
  Value(std::shared_ptr<const Sequence> sequence) : data_(std::move(sequence)) {}
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
  Value(std::shared_ptr<Namespace> space) : data_(std::move(space)) {}
  Value(std::shared_ptr<const Loop> loop) : data_(std::move(loop)) {}
  Value(std::shared_ptr<const Callable> callable) : data_(std::move(callable)) {}
  template <class T>
  Value(T*) = delete;  // would become a bool

  [[nodiscard]] static Value undefined(std::string reason) {
    Value value;
    value.data_ = Undefined{std::make_shared<const std::string>(std::move(reason))};
    return value;
  }

  template <class T>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<T>(data_);
  }
  [[nodiscard]] bool is_undefined() const { return is<Undefined>(); }
  [[nodiscard]] bool is_none() const { return is<None>(); }
  [[nodiscard]] bool is_string() const { return is<String>(); }
  /// An int or a bool, which Python counts among the ints.
  [[nodiscard]] bool is_integral() const { return is<std::int64_t>() || is<bool>(); }
  [[nodiscard]] bool is_number() const { return is_integral() || is<double>(); }

  /// The objects of these kinds; null for values of other kinds.
  [[nodiscard]] const TaintedText* string() const { return object<const TaintedText>(); }
  [[nodiscard]] const Sequence* sequence() const { return object<const Sequence>(); }
  [[nodiscard]] const Dict* dict() const { return object<const Dict>(); }
  [[nodiscard]] Namespace* space() const { return object<Namespace>(); }
  [[nodiscard]] const Loop* loop() const { return object<const Loop>(); }
  [[nodiscard]] const Callable* callable() const { return object<const Callable>(); }

  /// Preconditions: is_integral(), is_number().
  [[nodiscard]] std::int64_t integer() const {
    const bool* boolean = std::get_if<bool>(&data_);
    return boolean != nullptr ? std::int64_t{*boolean} : std::get<std::int64_t>(data_);
  }
  [[nodiscard]] double real() const {
    const double* number = std::get_if<double>(&data_);
    return number != nullptr ? *number : static_cast<double>(integer());
  }

  [[nodiscard]] const Variant& data() const { return data_; }

  /// Levels of containers in the value; 0 for a scalar, 1 for a namespace whatever it holds.
  [[nodiscard]] std::size_t depth() const;

 private:
  template <class T>
  [[nodiscard]] T* object() const {
    const auto* pointer = std::get_if<std::shared_ptr<T>>(&data_);
    return pointer != nullptr ? pointer->get() : nullptr;
  }

  Variant data_;
};

enum class SequenceKind : std::uint8_t {
  list,
  tuple,
  range,
  view,       ///< dict.keys(), .values() and .items(): can be iterated and counted, not indexed.
  generator,  ///< What filters such as `map` make: can be iterated once.
};

struct Sequence {
  SequenceKind kind = SequenceKind::list;
  std::vector<Value> items;
  std::size_t depth = 1;
  std::string label;              ///< "dict_keys" of a view, "range(0, 3)" of a range.
  mutable std::size_t taken = 0;  ///< Items of a generator that were iterated over.
};

/// Entries in insertion order. Keys are strings, numbers, None or tuples of these.
struct Dict {
  struct Entry {
    Value key;
    Value value;
  };

  std::vector<Entry> entries;
  std::size_t depth = 1;

  /// The value of a string key; null if there is none.
  [[nodiscard]] const Value* find(std::string_view key) const {
    const std::size_t at = index_of(key);
    return at < entries.size() ? &entries[at].value : nullptr;
  }

  /// Position of a string key; entries.size() if there is none.
  [[nodiscard]] std::size_t index_of(std::string_view key) const {
    if (entries.size() > kLinearSearch) {
      const auto found = index_.find(std::string(key));
      return found == index_.end() ? entries.size() : found->second;
    }
    std::size_t at = 0;
    while (at < entries.size() && !has_key(entries[at], key)) ++at;
    return at;
  }

  /// Sets a string key; one that is there keeps its place.
  void set(Value key, Value value) {
    const std::size_t at = index_of(key.string()->bytes());
    if (at < entries.size()) {
      entries[at].value = std::move(value);
    } else {
      append(std::move(key), std::move(value));
    }
  }

  /// Appends an entry whose key is not there yet.
  void append(Value key, Value value) {
    entries.push_back({std::move(key), std::move(value)});
    if (entries.size() <= kLinearSearch) return;
    const std::size_t first = index_.empty() ? 0 : entries.size() - 1;
    for (std::size_t i = first; i < entries.size(); ++i) {
      if (const TaintedText* text = entries[i].key.string()) index_.emplace(text->bytes(), i);
    }
  }

 private:
  static constexpr std::size_t kLinearSearch = 8;

  static bool has_key(const Entry& entry, std::string_view key) {
    const TaintedText* text = entry.key.string();
    return text != nullptr && text->bytes() == key;
  }

  std::unordered_map<std::string, std::size_t> index_;  // filled beyond kLinearSearch entries
};

/// `namespace()`: the one kind of value that templates can change.
struct Namespace {
  Dict attributes;
};

/// The variable `loop` of a for loop.
struct Loop {
  std::shared_ptr<const Sequence> items;
  std::size_t depth = 1;
  std::size_t nesting = 1;        ///< loop.depth
  mutable std::size_t index = 0;  ///< loop.index0
  mutable std::shared_ptr<const Sequence> last_changed;
};

class Runtime;

/// The arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Something that can be called: a macro, a global function, a method bound to its object.
struct Callable {
  std::string name;
  std::function<Value(Runtime&, const Arguments&)> call;
  std::size_t depth = 1;
  bool is_macro = false;
};

inline std::size_t Value::depth() const {
  if (const Sequence* items = sequence()) return items->depth;
  if (const Dict* entries = dict()) return entries->depth;
  if (const Loop* state = loop()) return state->depth;
  if (const Callable* function = callable()) return function->depth;
  return space() != nullptr ? 1 : 0;
}

}  // namespace tutti::jinja
