// SPDX-License-Identifier: Apache-2.0
// Compiled and linked by check_mixed_flags.cmake.
#include "tutti/backend/cpu/cpu.hpp"

std::size_t threads_of(const tutti::Cpu& backend);

int main() {
  const tutti::Cpu backend({.threads = 1});
  return threads_of(backend) == 1 ? 0 : 1;
}
