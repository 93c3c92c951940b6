// SPDX-License-Identifier: Apache-2.0
// A model without context_length().
// expect: LanguageModel
// expect: context_length
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/scorer/log_probability.hpp"

struct Endless {
  static std::size_t vocabulary_size() { return 2; }
#ifdef TUTTI_COMPILES
  static std::size_t context_length() { return 8; }
#endif
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

void use(tutti::Ensemble<8, Endless, tutti::MeanLogProbability>& ensemble);
