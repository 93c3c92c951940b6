// SPDX-License-Identifier: Apache-2.0
#pragma once
// A reference to a callable that receives the pieces of a text. Pre-tokenizers take it instead of a
// template parameter, so that they are compiled once.

#include <concepts>
#include <memory>
#include <string_view>
#include <type_traits>

namespace tutti {

/// Refers to any callable `visit(std::string_view piece)`, which must outlive it.
class PieceVisitor {
 public:
  template <class Visit>
    requires(!std::same_as<std::remove_cvref_t<Visit>, PieceVisitor>)  //
  PieceVisitor(Visit&& visit)  // NOLINT(bugprone-forwarding-reference-overload): constrained
      : visit_(const_cast<void*>(static_cast<const void*>(std::addressof(visit)))),
        call_([](void* object, std::string_view piece) {
          (*static_cast<std::remove_reference_t<Visit>*>(object))(piece);
        }) {}

  void operator()(std::string_view piece) const { call_(visit_, piece); }

 private:
  void* visit_;
  void (*call_)(void*, std::string_view);
};

}  // namespace tutti
