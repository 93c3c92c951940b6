// SPDX-License-Identifier: Apache-2.0
#pragma once
// What chat templates are given beside texts: tool definitions, tool calls, documents, parts of a
// message, options. A value is whatever JSON can say; dicts keep the order of their keys.

#include "tutti/text/jinja/value/value.hpp"

namespace tutti {

/// Copies share their data. Converts from bool, int, double and std::string; lists and dicts come
/// from parse_chat_value.
using ChatValue = jinja::Value;

}  // namespace tutti
