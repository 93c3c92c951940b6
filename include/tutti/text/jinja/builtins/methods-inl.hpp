// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of methods.hpp.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/detail/container_methods.hpp"
#include "tutti/text/jinja/builtins/detail/method.hpp"
#include "tutti/text/jinja/builtins/detail/string_methods.hpp"
#include "tutti/text/jinja/builtins/methods.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

template <class Table>
[[nodiscard]] const Method* find_in(const Table& table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Method& method) { return method.name == name; });
  return found == table.end() ? nullptr : &*found;
}

template <class Table>
[[nodiscard]] bool is_in(const Table& table, std::string_view name) {
  return std::find(table.begin(), table.end(), name) != table.end();
}

[[nodiscard]] inline const Method* find_method_of(const Value& object, std::string_view name) {
  if (object.is_string()) return find_in(kStringMethods, name);
  if (object.dict() != nullptr) return find_in(kDictMethods, name);
  const Sequence* sequence = object.sequence();
  if (sequence == nullptr || sequence->kind == SequenceKind::view ||
      sequence->kind == SequenceKind::generator) {
    return nullptr;
  }
  if (name == "copy" && sequence->kind != SequenceKind::list) return nullptr;
  return find_in(kListMethods, name);
}

[[nodiscard]] inline bool is_mutator(const Value& object, std::string_view name) {
  if (object.dict() != nullptr) return is_in(kDictMutators, name);
  const Sequence* sequence = object.sequence();
  return sequence != nullptr && sequence->kind == SequenceKind::list && is_in(kListMutators, name);
}

}  // namespace detail

TUTTI_INLINE bool is_unsupported_method(std::string_view name) {
  const detail::Method* of_string = detail::find_in(detail::kStringMethods, name);
  const detail::Method* of_dict = detail::find_in(detail::kDictMethods, name);
  return (of_string != nullptr && of_string->call == nullptr) ||
         (of_dict != nullptr && of_dict->call == nullptr);
}

TUTTI_INLINE bool has_method(const Value& object, std::string_view name) {
  return detail::find_method_of(object, name) != nullptr || detail::is_mutator(object, name);
}

TUTTI_INLINE Value call_method(Runtime& runtime, const Value& object, std::string_view name,
                               const Arguments& arguments) {
  if (detail::is_mutator(object, name)) {
    runtime.fail("the method ", in_quotes(name), " would change a ", type_name(object),
                 ", which the sandbox does not allow");
  }
  const detail::Method* method = detail::find_method_of(object, name);
  if (method->call == nullptr) runtime.refuse("the method ", in_quotes(name), " is not supported");
  return method->call(runtime, object, arguments);
}

TUTTI_INLINE Value bind_method(Runtime& runtime, const Value& object, std::string_view name) {
  if (detail::is_mutator(object, name)) {
    return Value::undefined("the method " + in_quotes(name) + " would change a " +
                            std::string(type_name(object)) + ", which the sandbox does not allow");
  }
  auto callable = std::make_shared<Callable>();
  callable->name = name;
  callable->depth = runtime.deeper(1, object);
  callable->call = [object, name = std::string(name)](Runtime& r, const Arguments& arguments) {
    return call_method(r, object, name, arguments);
  };
  return Value(std::shared_ptr<const Callable>(std::move(callable)));
}

}  // namespace tutti::jinja
