// SPDX-License-Identifier: Apache-2.0
// A model without context_length().
// expect: the model lacks std::size_t context_length()
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Endless {
  static std::size_t vocabulary_size() { return 2; }
#ifdef TUTTI_COMPILES
  static std::size_t context_length() { return 8; }
#endif
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

tutti::Result use(const std::vector<Endless>& models) {
  tutti::Ensemble ensemble(models);
  return ensemble.generate({});
}
