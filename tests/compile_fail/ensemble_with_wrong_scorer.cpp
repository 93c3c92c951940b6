// SPDX-License-Identifier: Apache-2.0
// A scorer whose score() returns one number instead of one per candidate.
// expect: the scorer's score() must return std::vector<double>
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

struct OneNumber {
#ifdef TUTTI_COMPILES
  std::vector<double> score(const tutti::ScoringRequest& request) const;
#else
  double score(const tutti::ScoringRequest& request) const;
#endif
};

void use(tutti::ExpertStack<8, Uniform> stack) {
  tutti::Ensemble ensemble(std::move(stack), {}, OneNumber{});
  (void)ensemble.generate({});
}
