// SPDX-License-Identifier: Apache-2.0
// A lambda that returns a text instead of a number.
// expect: the scorer lacks
// expect: a callable double(const tutti::Candidate&)
// max lines: 12
#include "tutti/ensemble/ensemble.hpp"

struct Uniform {
  static std::size_t vocabulary_size() { return 2; }
  static std::size_t context_length() { return 8; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const;
};

void use(tutti::ExpertStack<8, Uniform> stack) {
  tutti::Ensemble ensemble(std::move(stack), {}, [](const tutti::Candidate& candidate) {
#ifdef TUTTI_COMPILES
    return static_cast<double>(candidate.text.size());
#else
    return candidate.text;
#endif
  });
  (void)ensemble.generate({});
}
