// SPDX-License-Identifier: Apache-2.0
#pragma once
// A stack of its own that control can be switched to and from: one for every CUDA thread of the
// blocks in work.

#include <cstddef>

namespace tutti::emulation {

/// A suspended flow of control. The one that runs on the program's own stack is a Context too.
struct Context {
  void* stack_pointer = nullptr;
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  std::size_t stack_offset = 0;  ///< Bytes at its top that are left out.
  void* fake_stack = nullptr;    ///< AddressSanitizer's.
  void* tsan_thread = nullptr;   ///< ThreadSanitizer's.
};

/// Suspends `from`, which is running, and goes on with `to`. Nothing orders the accesses of the two
/// for ThreadSanitizer.
void switch_context(Context& from, Context& to);

/// To be called first on a new stack. `left` is the context that switched to it.
void entered_new_stack(Context& left);

/// Maps a stack, with a page below that faults, and prepares it to begin with `entry`, which never
/// returns.
void create_context(Context& context, void (*entry)());
/// Prepares the same stack again; whatever was suspended on it is forgotten.
void reset_context(Context& context, void (*entry)());

}  // namespace tutti::emulation
