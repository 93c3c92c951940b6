// SPDX-License-Identifier: Apache-2.0
// A filter whose apply() is not const.
// expect: LogitFilter
// expect: CountsDraws
#include "tutti/sampler/chain.hpp"

struct CountsDraws {
#ifdef TUTTI_COMPILES
  void apply(tutti::LogitSet& candidates, const tutti::SamplingContext& context) const;
#else
  void apply(tutti::LogitSet& candidates, const tutti::SamplingContext& context);
#endif
};

void use(tutti::FilterChain<CountsDraws, tutti::Temperature>& chain);
