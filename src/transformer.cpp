// SPDX-License-Identifier: Apache-2.0
// The bodies of transformer/ for tutti::compiled.
#include "tutti/transformer/cost_meter-inl.hpp"
#include "tutti/transformer/load_experts-inl.hpp"
#include "tutti/transformer/stack_options-inl.hpp"
#include "tutti/transformer/weights/adapter-inl.hpp"
#include "tutti/transformer/weights/load-inl.hpp"
#include "tutti/transformer/weights/weight_sharing-inl.hpp"
#include "tutti/transformer/weights/weights-inl.hpp"
