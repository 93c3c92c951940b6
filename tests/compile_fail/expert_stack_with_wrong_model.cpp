// SPDX-License-Identifier: Apache-2.0
// A model whose next_logits() takes no context.
// expect: the model lacks void next_logits(
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Forgetful {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
#ifdef TUTTI_COMPILES
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
#else
  void next_logits(std::span<float> logits) const;
#endif
};

void use(std::vector<Forgetful> models) {
  tutti::ExpertStack stack(std::move(models));
  tutti::Ensemble ensemble(std::move(stack));
  (void)ensemble.generate({});
}
