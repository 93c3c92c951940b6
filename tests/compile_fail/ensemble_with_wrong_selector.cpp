// SPDX-License-Identifier: Apache-2.0
// A selector that returns an index instead of a Selection.
// expect: the selector's select() must return tutti::Selection
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

struct FirstOne {
#ifdef TUTTI_COMPILES
  static tutti::Selection select(std::span<const tutti::Candidate> candidates);
#else
  static std::size_t select(std::span<const tutti::Candidate> candidates);
#endif
};

void use(tutti::ExpertStack<8, Uniform> stack) {
  tutti::Ensemble<8, Uniform, tutti::MeanLogProbability, tutti::AllExperts, FirstOne> ensemble(
      std::move(stack));
  (void)ensemble.generate({});
}
