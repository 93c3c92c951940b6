// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every answer of CUDA is looked at: what is not success becomes an exception that says what was
// being done.

#include <cuda_runtime.h>

#include <string_view>

#include "tutti/base/error.hpp"

namespace tutti {

namespace cuda {

/// @throws DeviceError unless `error` is success.
inline void check(cudaError_t error, std::string_view doing) {
  if (error == cudaSuccess) [[likely]]
    return;
  (void)cudaGetLastError();  // or it would be found again by a call that has nothing to do with it
  fail<DeviceError>(doing, ": ", cudaGetErrorName(error), " (", cudaGetErrorString(error), ")");
}

}  // namespace cuda

/// Whether a GPU can be used. Never throws: no driver, a driver that is too old, and no device are
/// all `false`.
[[nodiscard]] inline bool cuda_available() noexcept {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) (void)cudaGetLastError();
  return error == cudaSuccess && count > 0;
}

}  // namespace tutti
