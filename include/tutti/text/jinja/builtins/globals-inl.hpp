// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of globals.hpp.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/builtins/globals.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/python/strftime.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

template <class Function>
[[nodiscard]] Value make_function(std::string name, Function function, std::size_t depth = 1) {
  auto callable = std::make_shared<Callable>();
  callable->name = std::move(name);
  callable->call = std::move(function);
  callable->depth = depth;
  return Value(std::shared_ptr<const Callable>(std::move(callable)));
}

[[nodiscard]] inline Value range_function(Runtime& runtime, const Arguments& arguments) {
  const ArgumentReader reader(runtime, "range", arguments, {"start", "stop", "step"}, 1);
  const bool has_start = reader.find(1) != nullptr;
  const std::int64_t start = has_start ? to_integer(runtime, reader.get(0), "range") : 0;
  const std::int64_t stop = to_integer(runtime, reader.get(has_start ? 1 : 0), "range");
  const std::int64_t step = reader.find(2) != nullptr ? to_integer(runtime, reader.get(2), "range")
                                                      : 1;
  if (step == 0) runtime.fail("the step of a range is zero");
  std::vector<Value> items;
  std::int64_t at = start;
  while (step > 0 ? at < stop : at > stop) {
    if (items.size() == kMaxRange) runtime.fail("a range of more than ", kMaxRange, " items");
    runtime.charge_steps(1);
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  std::string label = "range(" + std::to_string(start) + ", " + std::to_string(stop);
  if (step != 1) label += ", " + std::to_string(step);
  return runtime.make_sequence(SequenceKind::range, std::move(items), label + ")");
}

/// The entries that dict(...) and namespace(...) are given.
[[nodiscard]] inline Dict entries_of(Runtime& runtime, const Arguments& arguments) {
  Dict result;
  if (arguments.positional.size() > 1) runtime.fail("dict takes at most one argument without name");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (const Dict* dict = source.dict()) {
      result = *dict;
    } else {
      require_defined(runtime, source);
      for (const Value& pair : items_of(runtime, source)) {
        const auto parts = iterate(runtime, pair);
        if (parts->items.size() != 2) runtime.fail("dict needs pairs of a key and a value");
        set_key(runtime, result, parts->items[0], parts->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) result.set(Value(name), value);
  return result;
}

[[nodiscard]] inline Value dict_function(Runtime& runtime, const Arguments& arguments) {
  return runtime.make_dict(entries_of(runtime, arguments));
}

[[nodiscard]] inline Value namespace_function(Runtime& runtime, const Arguments& arguments) {
  Dict attributes = entries_of(runtime, arguments);
  for (const Dict::Entry& entry : attributes.entries) {
    const TaintedText* name = entry.key.string();
    if (name == nullptr) runtime.fail("the attributes of a namespace have names");
    if (name->bytes().starts_with('_')) {
      runtime.fail("the attribute ", in_quotes(name->bytes()), " of a namespace begins with \"_\"");
    }
    attributes.depth = runtime.deeper(attributes.depth, entry.value);
  }
  runtime.charge_steps(attributes.entries.size() + 1);
  std::shared_ptr<Namespace> space = runtime.make_namespace();
  space->attributes = std::move(attributes);
  return Value(std::move(space));
}

[[nodiscard]] inline Value raise_function(Runtime& runtime, const Arguments& arguments) {
  const ArgumentReader reader(runtime, "raise_exception", arguments, {"message"}, 1);
  runtime.fail("the template refuses the messages: ",
               escaped(to_text(runtime, reader.get(0)).bytes(), 400));
}

[[nodiscard]] inline Value time_function(Runtime& runtime, const Arguments& arguments) {
  const ArgumentReader reader(runtime, "strftime_now", arguments, {"format"}, 1);
  runtime.charge_text(16 * reader.string(0).size());
  return Value(
      format_time(reader.string(0).bytes(), runtime.now() ? *runtime.now() : local_time()));
}

/// cycler(a, b): next() returns one after the other, `current` is what it returns next.
[[nodiscard]] inline Value cycler_function(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty() || !arguments.named.empty()) {
    runtime.fail("cycler takes one or more items");
  }
  const Value items = runtime.make_list(arguments.positional);
  const std::size_t depth = runtime.deeper(1, items);
  std::shared_ptr<Namespace> space = runtime.make_namespace();
  Namespace* self = space.get();  // lives as long as the runtime, and holds the functions
  const auto position = std::make_shared<std::size_t>(0);
  const auto move_to = [self, position, items](std::size_t at) {
    *position = at % items.sequence()->items.size();
    self->attributes.set(Value("current"), items.sequence()->items[*position]);
  };
  move_to(0);
  self->attributes.set(Value("next"), make_function(
                                          "next",
                                          [=](Runtime&, const Arguments&) {
                                            Value current = items.sequence()->items[*position];
                                            move_to(*position + 1);
                                            return current;
                                          },
                                          depth));
  self->attributes.set(Value("reset"), make_function(
                                           "reset",
                                           [=](Runtime&, const Arguments&) {
                                             move_to(0);
                                             return Value(None{});
                                           },
                                           depth));
  return Value(std::move(space));
}

/// joiner(separator): nothing when it is called first, the separator from then on.
[[nodiscard]] inline Value joiner_function(Runtime& runtime, const Arguments& arguments) {
  const ArgumentReader reader(runtime, "joiner", arguments, {"sep"});
  const Value separator = reader.find(0) != nullptr ? reader.get(0) : Value(", ");
  const auto used = std::make_shared<bool>(false);
  return make_function(
      "joiner",
      [separator, used](Runtime&, const Arguments&) {
        return std::exchange(*used, true) ? separator : Value("");
      },
      runtime.deeper(1, separator));
}

}  // namespace detail

TUTTI_INLINE std::vector<std::pair<std::string, Value>> make_globals() {
  std::vector<std::pair<std::string, Value>> globals;
  const auto add = [&](const char* name, auto function) {
    globals.push_back({std::string(name), detail::make_function(name, function)});
  };
  add("range", detail::range_function);
  add("dict", detail::dict_function);
  add("namespace", detail::namespace_function);
  add("raise_exception", detail::raise_function);
  add("strftime_now", detail::time_function);
  add("cycler", detail::cycler_function);
  add("joiner", detail::joiner_function);
  return globals;
}

}  // namespace tutti::jinja
