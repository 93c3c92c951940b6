// SPDX-License-Identifier: Apache-2.0
#pragma once
// Everything that compiles without CUDA.

#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/function_scorer.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/value_model.hpp"
#include "tutti/scorer/verifier.hpp"
#include "tutti/scorer/weighted_sum.hpp"
#include "tutti/text/chat_template.hpp"
#include "tutti/text/detokenizer.hpp"
#include "tutti/text/load_tokenizer.hpp"
#include "tutti/text/tokenizer.hpp"
#include "tutti/transformer/expert_stack.hpp"
#include "tutti/transformer/transformer.hpp"
#include "tutti/version.hpp"
