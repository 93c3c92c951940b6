// SPDX-License-Identifier: Apache-2.0
#pragma once
// How JSON is written under a schema.

#include <cstdint>

namespace tutti {

/// White space in the JSON of Grammar::json_schema.
enum class JsonWhitespace : std::uint8_t {
  compact,   ///< None: {"a":[1,2]}.
  spaced,    ///< One space after each comma and colon, as Python's json.dumps writes.
  flexible,  ///< Between any two tokens nothing, or a space, or 1 or 2 line ends and up to 20
             ///< blanks.
};

struct JsonSchemaOptions {
  JsonWhitespace whitespace = JsonWhitespace::compact;
};

}  // namespace tutti
