// SPDX-License-Identifier: Apache-2.0
#pragma once
// The value types of GGUF metadata.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tutti {

/// Value types as GGUF numbers them.
enum class GgufType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

inline constexpr std::uint32_t kGgufTypes = 13;

[[nodiscard]] constexpr std::string_view name_of(GgufType type) {
  constexpr std::array<std::string_view, kGgufTypes> kNames{"u8",  "i8",  "u16",  "i16",    "u32",
                                                            "i32", "f32", "bool", "string", "array",
                                                            "u64", "i64", "f64"};
  return kNames[static_cast<std::size_t>(type)];
}

/// Bytes of one value in the file; 0 where that varies.
[[nodiscard]] constexpr std::size_t size_of(GgufType type) {
  constexpr std::array<std::size_t, kGgufTypes> kSizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kSizes[static_cast<std::size_t>(type)];
}

}  // namespace tutti
