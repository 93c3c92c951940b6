// SPDX-License-Identifier: Apache-2.0
#pragma once
// What systems cost: operations counted by the ledger on some of the problems, for several numbers
// of samples.

#include <cstddef>
#include <vector>

#include "evaluate_programs/options.hpp"
#include "evaluate_programs/team.hpp"

namespace evaluate_programs {

/// Means over problems: operations to write `samples` programs a writer; to write and to read them
/// with all experts; and of the value model for as many.
inline Json measure_costs(const Team& team, float temperature,
                          const std::vector<programs::Problem>& problems, const Options& options,
                          program_ensemble::ValueModel& value_model) {
  Json table = Json::array();
  Team alone = team;  // those who only read compute nothing where nobody asks them
  if (!team.fused) {
    alone.experts.clear();
    for (const std::uint32_t writer : team.writers) alone.experts.push_back(team.experts[writer]);
    alone.writers = whole_team({}, alone.experts).writers;
  }
  auto writing = make_ensemble(alone, tutti::MeanLogProbability{}, options.threads);
  auto reading = make_ensemble(team, tutti::CrossExpertLikelihood{}, options.threads);
  const auto count = static_cast<double>(problems.size());
  for (std::size_t samples = 1; samples <= options.samples; samples *= 2) {
    tutti::Cost written;
    double read_flops = 0;
    double value_flops = 0;
    for (std::size_t i = 0; i < problems.size(); ++i) {
      tutti::Request request = program_ensemble::request_for(problems[i], i, options.seed,
                                                             temperature);
      request.samples_per_expert = samples;
      if (team.fused) {
        written += writing.fuse(request).cost.total();
        continue;
      }
      const tutti::Result result = writing.generate(request);
      written += result.cost.total();
      read_flops += reading.generate(request).cost.total().flops;
      static_cast<void>(value_model.score({result.prompt_tokens, {}, result.candidates}));
      value_flops += value_model.ledger().total().flops;
    }
    const double times = team.fused ? static_cast<double>(samples)
                                    : 1.0;  // each fused program is a request of its own
    table.push_back({{"samples", samples},
                     {"write_flops", written.flops * times / count},
                     {"write_bytes", (written.weight_bytes + written.kv_bytes) * times / count},
                     {"write_and_read_flops", read_flops / count},
                     {"value_flops", value_flops / count}});
  }
  return table;
}

}  // namespace evaluate_programs
