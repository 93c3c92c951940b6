// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the experts solve when they write one program together, their distributions fused at each
// token.

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "program_ensemble/json.hpp"
#include "program_ensemble/summary.hpp"
#include "programs/verifier.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

inline tutti::Fusion fusion_of(const std::string& name) {
  return name == "mean" ? tutti::Fusion::mean_of_probabilities : tutti::Fusion::product_of_experts;
}

class FusionSummary {
 public:
  void add(const programs::Verdict& verdict, const tutti::CostLedger& ledger) {
    valid_.push_back(verdict.valid ? 1.0 : 0.0);
    shown_.push_back(verdict.passes_shown() ? 1.0 : 0.0);
    solved_.push_back(verdict.solves() ? 1.0 : 0.0);
    cost_ += ledger.total();
  }

  [[nodiscard]] std::size_t problems() const { return solved_.size(); }
  [[nodiscard]] tutti::Interval valid() const { return tutti::bootstrap_mean(valid_); }
  [[nodiscard]] tutti::Interval passes_shown() const { return tutti::bootstrap_mean(shown_); }
  [[nodiscard]] tutti::Interval solved() const { return tutti::bootstrap_mean(solved_); }
  [[nodiscard]] const tutti::Cost& cost() const { return cost_; }

 private:
  std::vector<double> valid_;
  std::vector<double> shown_;
  std::vector<double> solved_;
  tutti::Cost cost_;
};

inline void print_summary(const FusionSummary& summary) {
  print_heading(summary.problems(), 1, "share  95 % interval");
  print_share("a valid program", summary.valid());
  print_share("passes the shown examples", summary.passes_shown());
  print_share("solved: passes the hidden tests too", summary.solved());
  print_total_cost(summary.cost(), summary.problems());
}

inline Json to_json(const FusionSummary& summary) {
  return {{"problems", summary.problems()},
          {"valid", to_json(summary.valid())},
          {"passes_shown", to_json(summary.passes_shown())},
          {"solved", to_json(summary.solved())}};
}

inline Json to_json(std::size_t index, const programs::Problem& problem,
                    const tutti::Result& result, const programs::Verdict& verdict) {
  return {{"index", index},
          {"problem", to_json(problem)},
          {"candidate", to_json(problem, result.best(), verdict)},
          {"cost", to_json(result.cost.total())}};
}

}  // namespace program_ensemble
