// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a GPU must have before the backend uses it. Each check fails with what was found and what
// is needed, so that an unsuitable machine is an error of the constructor and not of a later
// launch.

#include <cuda_runtime.h>

#include <string>

#include "tutti/backend/cuda/device.cuh"
#include "tutti/backend/cuda/error.cuh"
#include "tutti/backend/cuda/kernels/norm.cuh"

namespace tutti::cuda {

namespace detail {

/// "12.4" for 12040, the form in which CUDA states versions.
[[nodiscard]] inline std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// What the driver supports and what the program was built with.
[[nodiscard]] inline std::string versions_text() {
  int driver = 0, runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) (void)cudaGetLastError();
  if (cudaRuntimeGetVersion(&runtime) != cudaSuccess) (void)cudaGetLastError();
  const std::string built = "this program was built with CUDA " + version_text(runtime);
  return driver == 0 ? "there is no driver, " + built
                     : "the driver supports CUDA " + version_text(driver) + ", " + built;
}

}  // namespace detail

/// Oldest GPU generation that has the instructions of the kernels (mma with bf16 and tf32).
inline constexpr int kMinComputeMajor = 8;

/// Checks that this program can use `device`, and makes it the current one of this thread.
/// @throws DeviceError naming what is missing.
inline int select_device(int device) {
  int count = 0, driver = 0, runtime = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();
    fail<DeviceError>("no GPU can be used: ", cudaGetErrorName(error), " (",
                      cudaGetErrorString(error), "); ", detail::versions_text(),
                      ": install a driver that supports it, or use the Cpu backend");
  }
  require<DeviceError>(device >= 0 && device < count, "there is no device ", device, " among ",
                       count, ": CudaOptions::device counts from 0");
  check(cudaDriverGetVersion(&driver), "asking for the driver's version");
  check(cudaRuntimeGetVersion(&runtime), "asking for the runtime's version");
  require<DeviceError>(driver / 1000 >= runtime / 1000, detail::versions_text(),
                       ": install a driver for CUDA ", runtime / 1000, ".0 or later");
  check(cudaSetDevice(device), "choosing a device");
  const std::size_t major = device_attribute(cudaDevAttrComputeCapabilityMajor),
                    minor = device_attribute(cudaDevAttrComputeCapabilityMinor);
  require<DeviceError>(major >= kMinComputeMajor, "device ", device, " has compute capability ",
                       major, ".", minor, ", the kernels need ", kMinComputeMajor,
                       ".0 or later (Ampere): use another GPU or the Cpu backend");
  require<DeviceError>(device_attribute(cudaDevAttrMemoryPoolsSupported) != 0, "device ", device,
                       " or its driver has no memory pools (cudaMallocAsync), which the backend ",
                       "needs: some virtual GPUs lack them; use the whole GPU or the Cpu backend");
  cudaFuncAttributes attributes{};
  const cudaError_t code = cudaFuncGetAttributes(
      &attributes, reinterpret_cast<const void*>(&norm_kernel<kRowThreads>));
  if (code == cudaErrorNoKernelImageForDevice) {
    (void)cudaGetLastError();
    fail<DeviceError>("this program contains no code for compute capability ", major, ".", minor,
                      " of device ", device, ": add ", major, minor,
                      " to CMAKE_CUDA_ARCHITECTURES and build again");
  }
  check(code, "asking for a kernel's attributes");
  return device;
}

}  // namespace tutti::cuda
