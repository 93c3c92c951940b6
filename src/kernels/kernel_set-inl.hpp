// SPDX-License-Identifier: Apache-2.0
#pragma once
// Defines kKernelSet of the instruction set that this translation unit is compiled for. Included by
// src/kernels/*.cpp, each of which is compiled with other flags, and without TUTTI_COMPILED.

// Functions that do not depend on the instruction set are compiled once, by src/base.cpp: a second
// body, though inline, would be a duplicate symbol on Windows.
#define TUTTI_KERNEL_SET

#include "kernel_set.hpp"
#include "tutti/backend/cpu/kernels-inl.hpp"
#include "tutti/base/numeric/probability-inl.hpp"
#include "tutti/sampler/draw-inl.hpp"
#include "tutti/sampler/logit_kernels-inl.hpp"

#if defined(TUTTI_COMPILED)
#error "src/kernels/*.cpp define the kernels: compile them without TUTTI_COMPILED"
#endif

namespace tutti::detail::inline TUTTI_ABI {

extern const KernelSet kKernelSet;
const KernelSet kKernelSet{
    .cpu = &cpu::kKernels,
    .largest_logit = tutti::largest_logit,
    .argmax = tutti::argmax,
    .sum_of_exponentials = tutti::sum_of_exponentials,
    .log_sum_exp = tutti::log_sum_exp,
    .log_probability_of = tutti::log_probability_of,
    .log_softmax = tutti::log_softmax,
    .entropy = tutti::entropy,
    .mass_of_logits = mass_at_least,
    .mass_of_entries = mass_at_least,
    .entries_at_least = entries_at_least,
    .group_maxima = group_maxima,
    .draw_from_logits = tutti::draw,
    .draw_from_entries = tutti::draw,
};

}  // namespace tutti::detail::inline TUTTI_ABI
