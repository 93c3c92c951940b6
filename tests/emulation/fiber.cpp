// SPDX-License-Identifier: Apache-2.0
#include "tests/emulation/fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#include "tests/emulation/sanitizers.hpp"

#if !defined(__x86_64__)
#error "the emulation switches stacks by x86-64 instructions: write tutti_switch_stack for others"
#endif

// Saves the registers that a call preserves on the old stack, and takes those of the new one.
extern "C" void tutti_switch_stack(void** save, void* load);
asm(R"(
.pushsection .text
.globl tutti_switch_stack
.type tutti_switch_stack,@function
tutti_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size tutti_switch_stack,.-tutti_switch_stack
.popsection
)");

namespace tutti::emulation {

namespace {

constexpr std::size_t kGuardBytes = 4096;
constexpr std::size_t kSavedRegisters = 6;

std::size_t stack_bytes() { return under_thread_sanitizer() ? 64 * 1024 : 256 * 1024; }

}  // namespace

void switch_context(Context& from, Context& to) {
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(to.tsan_thread, 1);
  if (__sanitizer_start_switch_fiber != nullptr)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_bytes);
  tutti_switch_stack(&from.stack_pointer, to.stack_pointer);
  if (__sanitizer_finish_switch_fiber != nullptr)
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
}

void entered_new_stack(Context& left) {
  if (__sanitizer_finish_switch_fiber != nullptr) {
    __sanitizer_finish_switch_fiber(nullptr, &left.stack_bottom, &left.stack_bytes);
  }
}

void create_context(Context& context, void (*entry)()) {
  context.stack_bytes = stack_bytes();
  void* memory = mmap(nullptr, context.stack_bytes + kGuardBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) std::abort();
  context.stack_bottom = static_cast<char*>(memory) + kGuardBytes;
  // Stacks that all begin at the same offset within a page would compete for a few cache sets.
  static std::size_t created = 0;
  context.stack_offset = ++created * 5 % 64 * 64;
  reset_context(context, entry);
}

void reset_context(Context& context, void (*entry)()) {
  char* bottom = static_cast<char*>(const_cast<void*>(context.stack_bottom));
  unpoison(bottom, context.stack_bytes);
  // As if `entry` had been called from nowhere: a return address of zero, then the registers that
  // the switch restores.
  auto** top = reinterpret_cast<void**>(bottom + context.stack_bytes - 64 - context.stack_offset);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (std::size_t i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  context.stack_pointer = top;
  context.fake_stack = nullptr;
  if (under_thread_sanitizer()) {
    if (context.tsan_thread != nullptr) __tsan_destroy_fiber(context.tsan_thread);
    context.tsan_thread = __tsan_create_fiber(0);
  }
}

}  // namespace tutti::emulation
