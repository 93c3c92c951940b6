// SPDX-License-Identifier: Apache-2.0
// The backend's requirements on a device: checks at construction, shared memory of launches, and
// device memory. Most tests need the emulated device, whose properties can be set.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/backend/cuda/support.hpp"
#include "tutti/backend/cuda/cuda.cuh"

using namespace tutti;
using namespace tutti::test;

namespace {

constexpr unsigned kSummands = 64;
constexpr std::size_t kStaticBytes = kSummands * sizeof(float);

/// out[t] = the sum of `count` floats of dynamic shared memory, each 1; with static memory too.
__global__ void sum_shared_kernel(unsigned count, float* out) {
  TUTTI_STATIC_SHARED(kStaticBytes, sum_shared_kernel);
  TUTTI_SHARED(float, sums, kSummands);
  auto* values = cuda::dynamic_shared<float>();
  for (unsigned i = threadIdx.x; i < count; i += kSummands) values[i] = 1.0F;
  __syncthreads();
  float sum = 0.0F;
  for (unsigned i = threadIdx.x; i < count; i += kSummands) sum += values[i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  float total = 0.0F;
  for (unsigned t = 0; t < kSummands; ++t) total += sums[t];
  out[threadIdx.x] = total;
}

float sum_of_shared(std::size_t dynamic_bytes) {
  const cuda::Stream stream;
  const auto count = static_cast<unsigned>(dynamic_bytes / sizeof(float));
  cuda::DeviceArray<float> out(kSummands, stream);
  cuda::launch({dim3(1), dim3(kSummands), dynamic_bytes}, stream.get(), sum_shared_kernel, count,
               out.data());
  cuda::PinnedArray<float> host;
  host.download(out, kSummands, stream);
  stream.wait();
  return host.data()[kSummands - 1];
}

}  // namespace

TEST_CASE("Launches get the shared memory they ask for, below, at and above 48 KiB with the static",
          "[cuda][kernel]") {
  constexpr std::size_t kDefault = 48 * 1024;
  // Larger ones first and last: a kernel's limit is never lowered.
  for (const std::size_t bytes :
       {std::size_t{64} * 1024, kDefault - kStaticBytes, kDefault - kStaticBytes + 4, kDefault,
        kDefault + 4, std::size_t{80} * 1024, std::size_t{16}}) {
    CAPTURE(bytes);
    CHECK(sum_of_shared(bytes) == static_cast<float>(bytes / sizeof(float)));
  }
}

TEST_CASE("Static shared memory is declared as the compiler counts it", "[cuda][kernel]") {
  cudaFuncAttributes attributes{};
  cuda::check(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&sum_shared_kernel)),
              "asking");
  CHECK(attributes.sharedSizeBytes == kStaticBytes);
  cuda::check(
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&cuda::product_kernel<4>)),
      "asking");
  CHECK(attributes.sharedSizeBytes == cuda::kBlockSumBytes<cuda::kRowThreads>);
}

TEST_CASE("Fewer KV pages than a growing cache would take are a limit for it", "[cuda]") {
  const cuda::Stream stream;
  KvShape shape{2, 1, 8, KvType::f16};
  shape.max_pages = 12;
  cuda::KvStorage pages(shape);
  pages.reserve(9, stream);
  CHECK(pages.bytes() == 9 * shape.page_bytes());
  pages.reserve(10, stream);
  CHECK(pages.bytes() == 12 * shape.page_bytes());  // not 13
  pages.reserve(12, stream);
  CHECK(pages.bytes() == 12 * shape.page_bytes());
}

TEST_CASE("Allocations whose pages are all unused are freed, and come back when they are needed",
          "[cuda]") {
  const cuda::Stream stream;
  const KvShape shape{2, 1, 8, KvType::f16};
  cuda::KvStorage pages(shape);
  pages.reserve(4, stream);
  pages.reserve(5, stream);  // a second allocation, of pages 4 and 5
  CHECK(pages.bytes() == 6 * shape.page_bytes());
  pages.release(std::vector<PageId>{0, 1, 2, 4});
  CHECK(pages.bytes() == 6 * shape.page_bytes());
  pages.release(std::vector<PageId>{4, 5});
  CHECK(pages.bytes() == 4 * shape.page_bytes());
  pages.reserve(5, stream);
  CHECK(pages.bytes() == 6 * shape.page_bytes());
}

TEST_CASE("Uploads larger than all staging buffers arrive as they were when they were enqueued",
          "[cuda][kernel]") {
#if !defined(__CUDACC__)
  const emulation::ScopedOptions scope({.deferred = true});
#endif
  const cuda::Stream stream;
  std::vector<std::uint32_t> values(std::size_t{3} << 19);  // 6 MiB
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint32_t>(i);
  const std::vector<std::uint32_t> expected = values;
  const auto array = on_device(values, stream);
  values.assign(values.size(), 0);
  cuda::PinnedArray<std::uint32_t> host;
  host.download(array, values.size(), stream);
  stream.wait();
  CHECK(std::equal(expected.begin(), expected.end(), host.data()));
}

#if !defined(__CUDACC__)
TEST_CASE("A launch beyond the device's shared memory is a typed error with both numbers",
          "[cuda]") {
  const emulation::ScopedOptions scope({.shared_limit = 99 * 1024});
  CHECK(sum_of_shared(99 * 1024 - kStaticBytes) > 0.0F);
  CHECK_THROWS_AS(sum_of_shared(99 * 1024), DeviceError);
  CHECK_THROWS_WITH(sum_of_shared(99 * 1024), contains("needs 101632 bytes") &&
                                                  contains("(256 static, 101376 dynamic)") &&
                                                  contains("101376 at most"));
}

TEST_CASE("Devices that cannot run the backend are typed errors of its constructor", "[cuda]") {
  const auto error_with = [](const emulation::Options& options) -> std::string {
    const emulation::ScopedOptions scope(options);
    try {
      const Cuda backend({0, 1});
    } catch (const DeviceError& error) {
      return error.what();
    }
    return "none";
  };
  CHECK(error_with({}) == "none");
  CHECK(error_with({.compute_major = 8, .compute_minor = 0}) == "none");
  CHECK_THAT(error_with({.compute_major = 7, .compute_minor = 5}),
             contains("compute capability 7.5") && contains("8.0 or later"));
  CHECK_THAT(error_with({.memory_pools = false}), contains("no memory pools"));
  CHECK_THAT(error_with({.compute_major = 12, .has_code = false}),
             contains("no code for compute capability 12.0") && contains("add 120"));
  CHECK(error_with({.driver_version = 12010, .runtime_version = 12080}) == "none");
  CHECK_THAT(error_with({.driver_version = 12080, .runtime_version = 13010}),
             contains("supports CUDA 12.8") && contains("built with CUDA 13.1"));
}

TEST_CASE("Memory that one stream has freed is there for another one when the device is full",
          "[cuda]") {
  constexpr std::size_t kMega = std::size_t{1} << 20;
  const emulation::ScopedOptions scope(
      {.memory_bytes = emulation::bytes_in_use() + emulation::bytes_kept() + 8 * kMega});
  const cuda::Stream one, other;
  cuda::DeviceArray<std::byte> array(6 * kMega, one);
  CHECK_THROWS_AS(cuda::DeviceArray<std::byte>(6 * kMega, other), DeviceError);
  array = {};
  CHECK(emulation::bytes_kept() >= 6 * kMega);
  CHECK(cuda::DeviceArray<std::byte>(6 * kMega, other).size() == 6 * kMega);
}

TEST_CASE("A pool gives freed memory beyond 256 MiB back to the device", "[cuda]") {
  constexpr std::size_t kMega = std::size_t{1} << 20;
  const cuda::Stream stream;
  const std::size_t before = emulation::bytes_kept();
  for (const std::size_t megabytes : {200U, 300U}) {
    cuda::DeviceArray<std::byte> array(megabytes * kMega, stream);
    array = {};
    stream.wait();
    CHECK(emulation::bytes_kept() - before <= 257 * kMega);
    CHECK((emulation::bytes_kept() - before >= 200 * kMega) == (megabytes == 200));
  }
}
#endif
