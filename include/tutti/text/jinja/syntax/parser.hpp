// SPDX-License-Identifier: Apache-2.0
#pragma once
// Template text to a syntax tree, by the grammar of jinja2 3.1. What the engine does not support is
// refused here by name, so that a template is either wholly understood or not used at all.

#include <memory>
#include <string_view>

#include "tutti/base/macros.hpp"

namespace tutti::jinja {

struct SyntaxTree;

/// @throws FormatError with the line and the name of what is malformed or not supported.
[[nodiscard]] std::shared_ptr<const SyntaxTree> parse(std::string_view source);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/syntax/parser-inl.hpp"
#endif
