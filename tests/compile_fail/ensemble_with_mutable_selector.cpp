// SPDX-License-Identifier: Apache-2.0
// A selector whose select() is not const.
// expect: the selector's select() must be const
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

struct Counting {
#ifdef TUTTI_COMPILES
  tutti::Selection select(std::span<const tutti::Candidate> candidates) const;
#else
  tutti::Selection select(std::span<const tutti::Candidate> candidates);
#endif
};

void use(tutti::ExpertStack<8, Uniform> stack) {
  tutti::Ensemble ensemble(std::move(stack), {}, tutti::MeanLogProbability{}, tutti::AllExperts{},
                           Counting{});
  (void)ensemble.generate({});
}
