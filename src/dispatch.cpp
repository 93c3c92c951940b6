// SPDX-License-Identifier: Apache-2.0
// The choice among the instruction sets that the compiled library contains, and the functions that
// forward to the one chosen.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string_view>
#include <vector>

#include "kernels/kernel_set.hpp"
#include "processor.hpp"
#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/instruction_set.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/sampler/draw.hpp"
#include "tutti/sampler/logit_kernels.hpp"
#include "tutti/version.hpp"

// One declaration for each of src/kernels/*.cpp that this architecture has.
#define TUTTI_DECLARE_KERNEL_SET(name) \
  namespace tutti::detail::name {      \
  extern const KernelSet kKernelSet;   \
  }

#if defined(TUTTI_NO_WIDE_VECTORS)
TUTTI_DECLARE_KERNEL_SET(portable)
#elif defined(__x86_64__) || defined(_M_X64)
TUTTI_DECLARE_KERNEL_SET(portable)
TUTTI_DECLARE_KERNEL_SET(avx2)
TUTTI_DECLARE_KERNEL_SET(avx512)
TUTTI_DECLARE_KERNEL_SET(avx512_bf16)
#elif defined(__aarch64__)
TUTTI_DECLARE_KERNEL_SET(neon)
TUTTI_DECLARE_KERNEL_SET(neon_dotprod)
TUTTI_DECLARE_KERNEL_SET(neon_i8mm)
#else
TUTTI_DECLARE_KERNEL_SET(portable)
#endif

namespace tutti::detail {
namespace {

struct Variant {
  InstructionSet set;
  const KernelSet* kernels;
};

// Best first.
constexpr Variant kVariants[] = {
#if defined(TUTTI_NO_WIDE_VECTORS)
    {InstructionSet::portable, &portable::kKernelSet},
#elif defined(__x86_64__) || defined(_M_X64)
    {InstructionSet::avx512_bf16, &avx512_bf16::kKernelSet},
    {InstructionSet::avx512, &avx512::kKernelSet},
    {InstructionSet::avx2, &avx2::kKernelSet},
    {InstructionSet::portable, &portable::kKernelSet},
#elif defined(__aarch64__)
    {InstructionSet::neon_i8mm, &neon_i8mm::kKernelSet},
    {InstructionSet::neon_dotprod, &neon_dotprod::kKernelSet},
    {InstructionSet::neon, &neon::kKernelSet},
#else
    {InstructionSet::portable, &portable::kKernelSet},
#endif
};

const std::vector<InstructionSet>& available() {
  static const std::vector<InstructionSet> sets = [] {
    std::vector<InstructionSet> result;
    for (const Variant& variant : kVariants) {
      if (processor_runs(variant.set)) result.push_back(variant.set);
    }
    return result;
  }();
  return sets;
}

std::string names_of(std::span<const InstructionSet> sets) {
  std::ostringstream names;
  for (const InstructionSet set : sets) names << (set == sets.front() ? "" : ", ") << name_of(set);
  return names.str();
}

/// @throws OptionError when `set` is not available.
const KernelSet& find(InstructionSet set) {
  const std::vector<InstructionSet>& sets = available();
  require<OptionError>(std::find(sets.begin(), sets.end(), set) != sets.end(),
                       "the instruction set ", name_of(set),
                       " was asked for; this program and this processor have ", names_of(sets));
  return *std::find_if(std::begin(kVariants), std::end(kVariants), [&](const Variant& variant) {
            return variant.set == set;
          })->kernels;
}

const KernelSet& choose_at_start() {
  const char* const name = std::getenv("TUTTI_INSTRUCTION_SET");
  if (name == nullptr || *name == '\0') return find(available().front());
  for (const Variant& variant : kVariants) {
    if (name_of(variant.set) == name) return find(variant.set);
  }
  fail<OptionError>("the environment variable TUTTI_INSTRUCTION_SET is \"", std::string_view(name),
                    "\"; this program and this processor have ", names_of(available()));
}

std::atomic<const KernelSet*>& chosen() {
  static std::atomic<const KernelSet*> kernels{&choose_at_start()};
  return kernels;
}

const KernelSet& active() { return *chosen().load(std::memory_order_acquire); }

}  // namespace

void check_compiled_version(int major, int minor, int patch) {
  require<Error>(
      major == TUTTI_VERSION_MAJOR && minor == TUTTI_VERSION_MINOR && patch == TUTTI_VERSION_PATCH,
      "this program was compiled with the headers of tutti ", major, ".", minor, ".", patch,
      " but linked to a compiled library of version ", TUTTI_VERSION_MAJOR, ".",
      TUTTI_VERSION_MINOR, ".", TUTTI_VERSION_PATCH, ": build both from one version");
}

}  // namespace tutti::detail

namespace tutti::inline TUTTI_ABI {

InstructionSet instruction_set() { return detail::active().cpu->instruction_set; }
std::span<const InstructionSet> available_instruction_sets() { return detail::available(); }
void use_instruction_set(InstructionSet set) {
  detail::chosen().store(&detail::find(set), std::memory_order_release);
}

float largest_logit(std::span<const float> logits) {
  return detail::active().largest_logit(logits);
}
std::size_t argmax(std::span<const float> logits) { return detail::active().argmax(logits); }
double sum_of_exponentials(std::span<const float> logits, float shift) {
  return detail::active().sum_of_exponentials(logits, shift);
}
float log_sum_exp(std::span<const float> logits) { return detail::active().log_sum_exp(logits); }
float log_probability_of(std::span<const float> logits, Token token) {
  return detail::active().log_probability_of(logits, token);
}
void log_softmax(std::span<const float> logits, std::span<float> result) {
  detail::active().log_softmax(logits, result);
}
float entropy(std::span<const float> logits) { return detail::active().entropy(logits); }

Token draw(std::span<const float> logits, const DrawKey& key) {
  return detail::active().draw_from_logits(logits, key);
}
Token draw(std::span<const TokenLogit> entries, const DrawKey& key) {
  return detail::active().draw_from_entries(entries, key);
}

}  // namespace tutti::inline TUTTI_ABI

namespace tutti::detail::inline TUTTI_ABI {

double mass_at_least(std::span<const float> logits, float shift, float threshold) {
  return active().mass_of_logits(logits, shift, threshold);
}
double mass_at_least(std::span<const TokenLogit> entries, float shift, float threshold) {
  return active().mass_of_entries(entries, shift, threshold);
}
std::size_t entries_at_least(std::span<const float> logits, float threshold, TokenLogit* to) {
  return active().entries_at_least(logits, threshold, to);
}
void group_maxima(std::span<const float> logits, std::int32_t* to) {
  active().group_maxima(logits, to);
}

}  // namespace tutti::detail::inline TUTTI_ABI

namespace tutti::cpu::inline TUTTI_ABI {

const Kernels& default_kernels() { return *tutti::detail::active().cpu; }
const Kernels& kernels_of(InstructionSet set) { return *tutti::detail::find(set).cpu; }

}  // namespace tutti::cpu::inline TUTTI_ABI
