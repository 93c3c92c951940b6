// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a test can set on the emulated device and what it throws.

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace tutti::emulation {

/// A kernel did what a GPU would answer with a hang, a fault or a wrong result.
struct EmulationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// In which order the threads of a kernel run between two points at which they must wait.
enum class ThreadOrder : std::uint8_t { forward, reverse, random };

struct Options {
  ThreadOrder order = ThreadOrder::forward;
  std::uint64_t seed = 1;           ///< Of ThreadOrder::random.
  std::size_t resident_blocks = 1;  ///< Blocks of which threads run by turns.
  /// A new thread for ThreadSanitizer for each CUDA thread of each block, without which it misses
  /// races between blocks; half a millisecond each.
  bool distinct_threads = false;
  bool deferred = false;  ///< What is enqueued runs only once the host waits for it.
  std::size_t memory_bytes = std::size_t{4} << 30;
  /// The number, as kernels_run counts, of a kernel that does not run; waiting tells of it, once.
  std::uint64_t failing_kernel = 0;
};

/// Those of the device, for all that is launched from now on.
[[nodiscard]] Options& options();

/// Sets options and restores those from before.
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

}  // namespace tutti::emulation
