// SPDX-License-Identifier: Apache-2.0
#pragma once
// What every fuzz target here demands of a reader: an input is read or refused by a tutti::Error
// whose message is short and printable, and memory stays in proportion to the input. Everything
// else ends the process, which libFuzzer and replay.cpp report.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/base/error.hpp"

#if defined(__has_feature)
#define TUTTI_HAS_FEATURE(feature) __has_feature(feature)
#else
#define TUTTI_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || TUTTI_HAS_FEATURE(address_sanitizer)
#define TUTTI_METERS_MEMORY 1
// Of the sanitizers' allocator_interface.h, which Debian's g++ does not bring.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*,
                                                                  std::size_t),
                                                         void (*)(const volatile void*));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void*);
#else
#define TUTTI_METERS_MEMORY 0
#endif

namespace tutti::fuzz {

/// Bytes that reading may hold at once: a JSON value of 2 bytes ("[]") becomes a node of 40,
/// doubled while a vector grows.
inline constexpr std::size_t kMemoryFactor = 64;
/// And what small inputs may take besides: streams, tables of a fixed size, the message of the
/// error.
inline constexpr std::size_t kMemoryAllowance = std::size_t{1} << 18;
/// Longer messages would flood a log.
inline constexpr std::size_t kMaxMessageBytes = 4096;

/// Bytes allocated and not yet freed; counted under AddressSanitizer, whose allocator tells of
/// every allocation.
struct MemoryInUse {
  static inline std::size_t now = 0;
  static inline std::size_t peak = 0;

  static void start() {
#if TUTTI_METERS_MEMORY
    [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t size) { peak = std::max(peak, now += size); },
        // What was allocated before start() may be freed after it: never below zero.
        [](const volatile void* memory) {
          now -= std::min(now, __sanitizer_get_allocated_size(memory));
        });
#endif
    now = peak = 0;
  }
};

[[noreturn]] inline void report(const char* what, std::size_t found, std::size_t allowed) {
  std::fprintf(stderr, "FIND: %s: %zu, allowed %zu\n", what, found, allowed);
  std::abort();
}

inline void check_message(std::string_view message) {
  if (message.size() > kMaxMessageBytes)
    report("bytes of an error message", message.size(), kMaxMessageBytes);
  const auto is_unprintable = [](char c) { return c < 0x20 || c > 0x7E; };
  const auto unprintable = static_cast<std::size_t>(
      std::count_if(message.begin(), message.end(), is_unprintable));
  if (unprintable > 0) report("unprintable bytes in an error message", unprintable, 0);
}

/// Bytes that reading may hold at once: `factor` times the input and `allowance`.
struct MemoryAllowed {
  std::size_t factor = kMemoryFactor;
  std::size_t allowance = kMemoryAllowance;
};

/// Runs `read()` on behalf of `input`. With TUTTI_FUZZ_VERBOSE in the environment the outcome is
/// printed. `read` may throw tutti::Error and nothing else.
template <class Read>
int run(std::span<const std::byte> input, Read read, MemoryAllowed memory = {}) {
  static const bool verbose = std::getenv("TUTTI_FUZZ_VERBOSE") != nullptr;
  std::string outcome = "read";
  MemoryInUse::start();
  try {
    read();
  } catch (const Error& error) {
    check_message(error.what());
    if (verbose) outcome = error.what();
  }
  if (verbose)
    std::fprintf(stderr, "%s; %zu bytes of memory for %zu of input\n", outcome.c_str(),
                 MemoryInUse::peak, input.size());
  const std::size_t allowed = memory.allowance + memory.factor * input.size();
  if (MemoryInUse::peak > allowed)
    report("bytes of memory in use at once", MemoryInUse::peak, allowed);
  return 0;
}

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Inputs that stand for several files have them one after the other with ASCII's record separator,
/// 0x1E, between them. Takes the first file off `input`; the last one is all that is left.
inline std::span<const std::byte> next_file(std::span<const std::byte>& input) {
  const auto separator = std::find(input.begin(), input.end(), std::byte{0x1E});
  const auto size = static_cast<std::size_t>(separator - input.begin());
  const std::span<const std::byte> file = input.first(size);
  input = input.subspan(std::min(size + 1, input.size()));
  return file;
}

/// Reads every byte, so that AddressSanitizer sees a view that leaves the input.
inline void touch(std::span<const std::byte> bytes) {
  volatile unsigned sum = 0;
  for (const std::byte byte : bytes) sum = sum + std::to_integer<unsigned>(byte);
}

}  // namespace tutti::fuzz
