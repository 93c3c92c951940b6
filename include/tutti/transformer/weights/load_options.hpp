// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the weights of a model are kept in memory.

#include <optional>

#include "tutti/base/tensor.hpp"

namespace tutti {

struct LoadOptions {
  /// Element type to convert all matrices to (f32, f16, bf16, or q8_0); by default they are used in
  /// place, in the file's types. Adapters can only be stored as floats; every adapter is read in
  /// every step, so f16 or bf16 halves that traffic.
  std::optional<DType> storage;
};

}  // namespace tutti
