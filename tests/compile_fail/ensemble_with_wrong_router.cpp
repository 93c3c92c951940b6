// SPDX-License-Identifier: Apache-2.0
// A router in the place of the selector and the other way round.
// expect: ExpertRouter
// expect: BestOfN
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/scorer/log_probability.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

#ifdef TUTTI_COMPILES
void use(tutti::Ensemble<8, Uniform, tutti::MeanLogProbability, tutti::AllExperts, tutti::BestOfN>&
             ensemble);
#else
void use(tutti::Ensemble<8, Uniform, tutti::MeanLogProbability, tutti::BestOfN, tutti::AllExperts>&
             ensemble);
#endif
