// SPDX-License-Identifier: Apache-2.0
// A router that returns the number of one expert.
// expect: the router's route() must return tutti::Route
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

struct FirstExpert {
#ifdef TUTTI_COMPILES
  static tutti::Route route(const tutti::RouterQuery& query);
#else
  static std::size_t route(const tutti::RouterQuery& query);
#endif
};

void use(tutti::ExpertStack<8, Uniform> stack) {
  tutti::Ensemble<8, Uniform, tutti::MeanLogProbability, FirstExpert> ensemble(std::move(stack));
  (void)ensemble.generate({});
}
