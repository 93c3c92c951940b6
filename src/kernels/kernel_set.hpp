// SPDX-License-Identifier: Apache-2.0
#pragma once
// Everything that the compiled library contains once per instruction set, as one table.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/base/types.hpp"
#include "tutti/sampler/logit_kernels.hpp"

namespace tutti::detail {

/// The functions of base/numeric/probability.hpp, sampler/logit_kernels.hpp and sampler/draw.hpp,
/// which src/dispatch.cpp forwards to, and the kernels of the Cpu backend.
struct KernelSet {
  const cpu::Kernels* cpu;

  float (*largest_logit)(std::span<const float> logits);
  std::size_t (*argmax)(std::span<const float> logits);
  double (*sum_of_exponentials)(std::span<const float> logits, float shift);
  float (*log_sum_exp)(std::span<const float> logits);
  float (*log_probability_of)(std::span<const float> logits, Token token);
  void (*log_softmax)(std::span<const float> logits, std::span<float> result);
  float (*entropy)(std::span<const float> logits);

  double (*mass_of_logits)(std::span<const float> logits, float shift, float threshold);
  double (*mass_of_entries)(std::span<const TokenLogit> entries, float shift, float threshold);
  std::size_t (*entries_at_least)(std::span<const float> logits, float threshold, TokenLogit* to);
  void (*group_maxima)(std::span<const float> logits, std::int32_t* to);

  Token (*draw_from_logits)(std::span<const float> logits, const DrawKey& key);
  Token (*draw_from_entries)(std::span<const TokenLogit> entries, const DrawKey& key);
};

}  // namespace tutti::detail
