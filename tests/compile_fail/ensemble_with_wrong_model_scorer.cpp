// SPDX-License-Identifier: Apache-2.0
// A scorer that takes something else than the experts as its second argument.
// expect: the scorer lacks std::vector<double> score(const tutti::ScoringRequest&)
// expect: tutti::LikelihoodSource&
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

struct TakesTable {
#ifdef TUTTI_COMPILES
  std::vector<double> score(const tutti::ScoringRequest& request, tutti::LikelihoodSource& models);
#else
  std::vector<double> score(const tutti::ScoringRequest& request, tutti::LikelihoodTable& table);
#endif
};

void use(tutti::ExpertStack<8, Uniform> stack) {
  tutti::Ensemble ensemble(std::move(stack), {}, TakesTable{});
  (void)ensemble.generate({});
}
