// SPDX-License-Identifier: Apache-2.0
#pragma once
// Options and counters of the emulated device, and the exception that it throws.

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace tutti::emulation {

/// A kernel did something that makes a GPU hang, fault or compute a wrong result.
struct EmulationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The order in which the threads of a kernel run between two synchronization points.
enum class ThreadOrder : std::uint8_t { forward, reverse, random };

struct Options {
  ThreadOrder order = ThreadOrder::forward;
  std::uint64_t seed = 1;           ///< Of ThreadOrder::random.
  std::size_t resident_blocks = 1;  ///< Blocks whose threads are interleaved.
  /// Gives each CUDA thread of each block a thread of its own under ThreadSanitizer, without which
  /// it misses races between blocks. Costs half a millisecond per thread.
  bool distinct_threads = false;
  bool deferred = false;  ///< Enqueued work runs only when the host waits for it.
  std::size_t memory_bytes = std::size_t{4} << 30;
  /// Freed memory is reused at the same address, as by a device's pools. Otherwise every allocation
  /// has a new address, and each use after free is found.
  bool reuse_addresses = true;
  /// The number, as kernels_run counts, of a kernel that fails; the next wait reports it, once.
  std::uint64_t failing_kernel = 0;

  // Properties of the device.
  int compute_major = 9, compute_minor = 0;
  bool memory_pools = true;
  bool has_code = true;  ///< Whether the program was compiled for this compute capability.
  int driver_version = 13000, runtime_version = 13000;  ///< 1000 * major + 10 * minor.
  std::size_t shared_limit = 227 * 1024;                ///< Per block, for kernels that opt in.
};

/// The options of the emulated device, for all launches and calls from now on.
[[nodiscard]] Options& options();

/// Sets options, and restores the earlier ones at the end of its scope.
class ScopedOptions {
 public:
  explicit ScopedOptions(const Options& changed) : before_(options()) { options() = changed; }
  ~ScopedOptions() { options() = before_; }
  ScopedOptions(const ScopedOptions&) = delete;
  ScopedOptions& operator=(const ScopedOptions&) = delete;

 private:
  Options before_;
};

/// Kernels launched since the program began.
[[nodiscard]] std::uint64_t kernels_run();
/// Graphs instantiated since the program began.
[[nodiscard]] std::uint64_t graphs_made();
/// Bytes of device memory that have been allocated and not freed.
[[nodiscard]] std::size_t bytes_in_use();
/// Bytes of device memory that were freed and that pools keep for later allocations.
[[nodiscard]] std::size_t bytes_kept();

}  // namespace tutti::emulation
