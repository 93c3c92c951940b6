// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the emulation reports to AddressSanitizer and ThreadSanitizer, if the program is built with
// one: switches of stacks, memory that must not be accessed, and the order between the accesses of
// two threads. Without a sanitizer these functions do nothing.

#include <cstddef>

extern "C" {
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom,
                                                          std::size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom,
                                                           std::size_t* size);
__attribute__((weak)) void __asan_poison_memory_region(const volatile void* memory,
                                                       std::size_t bytes);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void* memory,
                                                         std::size_t bytes);
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void* fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
}

namespace tutti::emulation {

[[nodiscard]] inline bool under_thread_sanitizer() { return __tsan_create_fiber != nullptr; }

inline void poison(void* memory, std::size_t bytes) {
  if (__asan_poison_memory_region != nullptr) __asan_poison_memory_region(memory, bytes);
}
inline void unpoison(void* memory, std::size_t bytes) {
  if (__asan_unpoison_memory_region != nullptr) __asan_unpoison_memory_region(memory, bytes);
}
/// Accesses before `release` are ordered before those after an `acquire` of the same address.
inline void acquire(void* address) {
  if (__tsan_acquire != nullptr) __tsan_acquire(address);
}
inline void release(void* address) {
  if (__tsan_release != nullptr) __tsan_release(address);
}

}  // namespace tutti::emulation
