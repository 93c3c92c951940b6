// SPDX-License-Identifier: Apache-2.0
// A router in the place of the selector and the other way round.
// expect: the router lacks tutti::Route route(const tutti::RouterQuery&)
// expect: Ensemble<N, Model, Scorer, Router, Selector>
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

void use(tutti::ExpertStack<8, Uniform> stack) {
#ifdef TUTTI_COMPILES
  tutti::Ensemble ensemble(std::move(stack), {}, tutti::MeanLogProbability{}, tutti::AllExperts{},
                           tutti::BestOfN{});
#else
  tutti::Ensemble ensemble(std::move(stack), {}, tutti::MeanLogProbability{}, tutti::BestOfN{},
                           tutti::AllExperts{});
#endif
  (void)ensemble.generate({});
}
