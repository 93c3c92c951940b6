// SPDX-License-Identifier: Apache-2.0
// Calls a function of the headers, and two that are in the compiled library if it is linked.
#include <iostream>

#include "tutti/tutti.hpp"

int main() {
  std::cout << "tutti " << TUTTI_VERSION_MAJOR << '.' << TUTTI_VERSION_MINOR << '.'
            << TUTTI_VERSION_PATCH << ", instruction set "
            << tutti::name_of(tutti::instruction_set()) << '\n';
  try {
    (void)tutti::Transformer<tutti::Cpu>::load("no-such-model.gguf");
    return 1;
  } catch (const tutti::FormatError& error) {
    std::cout << error.what() << '\n';
  }
  return tutti::philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5 ? 0 : 1;
}
