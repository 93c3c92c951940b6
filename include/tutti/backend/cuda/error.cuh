// SPDX-License-Identifier: Apache-2.0
#pragma once
// Every return code of CUDA is checked; errors become exceptions that name the operation.

#include <cuda_runtime.h>

#include <string_view>

#include "tutti/base/error.hpp"

namespace tutti {

namespace cuda {

/// @throws DeviceError unless `error` is success.
inline void check(cudaError_t error, std::string_view doing) {
  if (error == cudaSuccess) [[likely]]
    return;
  (void)cudaGetLastError();  // or an unrelated later call would report it
  fail<DeviceError>(doing, ": ", cudaGetErrorName(error), " (", cudaGetErrorString(error), ")");
}

}  // namespace cuda

/// Whether there is a GPU and a driver that this program can use. Never throws.
[[nodiscard]] inline bool cuda_available() noexcept {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) (void)cudaGetLastError();
  return error == cudaSuccess && count > 0;
}

}  // namespace tutti
