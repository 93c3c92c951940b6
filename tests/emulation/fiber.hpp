// SPDX-License-Identifier: Apache-2.0
#pragma once
// Fibers: one stack for every CUDA thread of the resident blocks.

#include <cstddef>

namespace tutti::emulation {

/// A suspended flow of control. The one that runs on the program's own stack is a Context too.
struct Context {
  void* stack_pointer = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  std::size_t stack_offset = 0;  ///< Unused bytes at its top.
  void* fake_stack = nullptr;    ///< AddressSanitizer's.
  void* tsan_thread = nullptr;   ///< ThreadSanitizer's.
};

/// Suspends `from`, which is running, and resumes `to`. For ThreadSanitizer this does not order
/// their accesses.
void switch_context(Context& from, Context& to);

/// Must be called first on a new stack. `left` is the context that switched to it.
void entered_new_stack(Context& left);

/// Maps a stack with a guard page and prepares it to start with `entry`, which never returns.
void create_context(Context& context, void (*entry)());
/// Prepares the same stack again; the context suspended on it is abandoned.
void reset_context(Context& context, void (*entry)());

}  // namespace tutti::emulation
