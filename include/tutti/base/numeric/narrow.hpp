// SPDX-License-Identifier: Apache-2.0
#pragma once
// Conversion of integers whose type differs between platforms.

#include <concepts>

namespace tutti {

/// `value` as another integer type, which must be able to hold it. A template, since compilers that
/// warn about casts to the same type (-Wuseless-cast) do so where std::size_t has 64 bits and warn
/// about implicit conversions where it has 32.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr To narrow(From value) {
  return static_cast<To>(value);
}

}  // namespace tutti
