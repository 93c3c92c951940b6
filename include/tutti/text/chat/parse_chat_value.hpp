// SPDX-License-Identifier: Apache-2.0
#pragma once
// Chat values from JSON.

#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/text/chat/chat_value.hpp"

namespace tutti {

/// The value of a JSON text. Of equal keys in a dict the last one counts, as in Python.
/// @param name of the text, for errors.
/// @throws FormatError when it is not JSON, is nested too deeply, or has an integer beyond 64 bits.
[[nodiscard]] ChatValue parse_chat_value(std::string_view json, const std::string& name = "JSON");

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/chat/parse_chat_value-inl.hpp"
#endif
