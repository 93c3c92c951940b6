// SPDX-License-Identifier: Apache-2.0
#include "processor.hpp"

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace tutti::detail {

#if defined(__x86_64__) || defined(_M_X64)
namespace {

struct Registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// Zeros where the processor does not have the leaf.
Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

/// Which registers the operating system saves: XCR0. Precondition: CPUID says OSXSAVE.
std::uint64_t saved_state() {
  std::uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

constexpr bool has(std::uint64_t word, unsigned bit) { return (word >> bit & 1) != 0; }

/// Bits as in Intel's manual, volume 2A, "CPUID", and volume 1, chapter 13.
struct Features {
  bool avx2 = false;
  bool avx512 = false;
  bool avx512_bf16 = false;

  Features() {
    const Registers one = cpuid(1, 0);
    const Registers seven = cpuid(7, 0);
    if (!has(one.ecx, 27)) return;  // OSXSAVE
    const std::uint64_t state = saved_state();
    const bool saves_ymm = has(state, 1) && has(state, 2);
    const bool saves_zmm = saves_ymm && has(state, 5) && has(state, 6) && has(state, 7);
    const bool fma = has(one.ecx, 12), f16c = has(one.ecx, 29), avx = has(one.ecx, 28);
    const bool bmi = has(seven.ebx, 3) && has(seven.ebx, 8);
    avx2 = saves_ymm && avx && fma && f16c && bmi && has(seven.ebx, 5);
    const bool f = has(seven.ebx, 16), dq = has(seven.ebx, 17), bw = has(seven.ebx, 30),
               vl = has(seven.ebx, 31), vnni = has(seven.ecx, 11);
    avx512 = avx2 && saves_zmm && f && dq && bw && vl && vnni;
    avx512_bf16 = avx512 && has(cpuid(7, 1).eax, 5);
  }
};

}  // namespace

bool processor_runs(InstructionSet set) {
  static const Features features;
  switch (set) {
    case InstructionSet::portable: return true;
    case InstructionSet::avx2: return features.avx2;
    case InstructionSet::avx512: return features.avx512;
    case InstructionSet::avx512_bf16: return features.avx512_bf16;
    default: return false;
  }
}

#elif defined(__aarch64__)
namespace {

#if defined(__linux__)
// Bits of Linux' AT_HWCAP and AT_HWCAP2, arch/arm64/include/uapi/asm/hwcap.h.
bool has_dot_products() { return (getauxval(AT_HWCAP) >> 20 & 1) != 0; }
bool has_matrix_products() { return (getauxval(AT_HWCAP2) >> 13 & 1) != 0; }
#elif defined(__APPLE__)
bool has_feature(const char* name) {
  int value = 0;
  std::size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
bool has_dot_products() { return has_feature("hw.optional.arm.FEAT_DotProd"); }
bool has_matrix_products() { return has_feature("hw.optional.arm.FEAT_I8MM"); }
#else
bool has_dot_products() { return false; }
bool has_matrix_products() { return false; }
#endif

}  // namespace

bool processor_runs(InstructionSet set) {
  switch (set) {
    case InstructionSet::neon: return true;
    case InstructionSet::neon_dotprod: return has_dot_products();
    case InstructionSet::neon_i8mm: return has_dot_products() && has_matrix_products();
    default: return false;
  }
}

#else

bool processor_runs(InstructionSet set) { return set == InstructionSet::portable; }

#endif

}  // namespace tutti::detail
