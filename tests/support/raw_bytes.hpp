// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values as the bytes that binary files hold.

#include <cstring>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

namespace tutti::test {

/// The bytes of one value in memory order.
template <class T>
std::string raw_bytes(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <class T>
std::string raw_bytes(const std::vector<T>& values) {
  std::string bytes;
  for (const T& value : values) bytes += raw_bytes(value);
  return bytes;
}

}  // namespace tutti::test
