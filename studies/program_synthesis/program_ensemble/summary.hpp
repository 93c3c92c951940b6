// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the ensemble solves over a set of problems, and what other ways to pick from the same
// candidates would have.

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "program_ensemble/judge.hpp"
#include "program_ensemble/selector.hpp"
#include "program_ensemble/trial.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

class Summary {
 public:
  /// A way to pick, and what it picked.
  struct Line {
    std::string name;
    ScoreKind scorer;
    std::string selector;
    tutti::SelectionReport report;
  };

  /// @param judge must outlive the summary.
  Summary(ScoreKind scorer, const std::string& selector, Judge& judge) : judge_(&judge) {
    std::erase_if(lines_, [&](const Line& line) {
      return line.scorer == scorer && line.selector == selector;
    });
    lines_.insert(lines_.begin(),
                  {"the ensemble's pick: " + selector + ", " + score_kind_name(scorer),
                   scorer,
                   selector,
                   {}});
  }

  /// Call before the next problem begins.
  void add(const Trial& trial) {
    std::vector<double> solved;
    for (const programs::Verdict& verdict : trial.verdicts)
      solved.push_back(verdict.solves() ? 1.0 : 0.0);
    lines_.front().report.add_problem(solved, trial.result.selection.index);
    std::vector<tutti::Candidate> candidates = trial.result.candidates;
    for (std::size_t l = 1; l < lines_.size(); ++l) {
      const std::vector<double>& scores = trial.scores[static_cast<std::size_t>(lines_[l].scorer)];
      for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].score = scores[i];
      lines_[l].report.add_problem(
          solved, make_selector(lines_[l].selector, *judge_).select(candidates).index);
    }
    cost_ += trial.result.cost.total();
    candidates_ = candidates.size();
  }

  /// The first is how the ensemble itself picks.
  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }
  [[nodiscard]] std::size_t candidates() const { return candidates_; }
  [[nodiscard]] const tutti::Cost& cost() const { return cost_; }

 private:
  Judge* judge_;
  std::size_t candidates_ = 0;
  tutti::Cost cost_;
  std::vector<Line> lines_{
      {"best own log p", ScoreKind::mean_log_probability, "best-of-n", {}},
      {"value model, no program is run", ScoreKind::value_model, "best-of-n", {}},
      {"value model + all experts' log p, no program is run",
       ScoreKind::noisy_channel,
       "best-of-n",
       {}},
      {"filter by the shown examples, then all experts' log p",
       ScoreKind::cross_expert_likelihood,
       "filter",
       {}}};
};

inline constexpr int kNameWidth = 56;

inline void print_heading(std::size_t problems, std::size_t programs, const char* columns) {
  const std::string text = std::to_string(problems) + " test problems, " +
                           std::to_string(programs) +
                           (programs == 1 ? " program each" : " programs each");
  std::printf("%-*s%s\n", kNameWidth + 2, text.c_str(), columns);
}

inline void print_share(const std::string& name, const tutti::Interval& share,
                        const std::string& more = {}) {
  std::printf("  %-*s%.3f  [%.3f, %.3f]%s\n", kNameWidth, name.c_str(), share.estimate, share.low,
              share.high, more.c_str());
}

inline void print_total_cost(const tutti::Cost& cost, std::size_t problems) {
  const auto count = static_cast<double>(problems);
  std::printf(
      "\ncost of a problem: %.0f prompt, %.0f generated and %.0f scored tokens, %.0f Mflop, %.1f "
      "ms in the experts\n",
      static_cast<double>(cost.prompt_tokens) / count,
      static_cast<double>(cost.generated_tokens) / count,
      static_cast<double>(cost.scored_tokens) / count, cost.flops / count / 1e6,
      cost.seconds / count * 1e3);
}

/// `   34 % [20, 47]` of what lies between chance and the oracle.
inline std::string gap_text(const tutti::Interval& gap) {
  if (std::isnan(gap.estimate)) return {};
  char text[64];
  std::snprintf(text, sizeof(text), "  %4.0f %% [%.0f, %.0f]", 100 * gap.estimate, 100 * gap.low,
                100 * gap.high);
  return text;
}

inline void print_summary(const Summary& summary) {
  const std::vector<Summary::Line>& lines = summary.lines();
  const tutti::SelectionSummary first = lines.front().report.summary();
  print_heading(lines.front().report.problems(), summary.candidates(),
                "solved 95 % interval   gap recovered");
  print_share("one random program", first.random);
  for (std::size_t l = 1; l <= lines.size(); ++l) {  // the ensemble's own at last
    const Summary::Line& line = lines[l % lines.size()];
    const tutti::SelectionSummary result = line.report.summary();
    print_share(line.name, result.selected, gap_text(result.gap_recovered));
  }
  print_share("oracle: a right program is among them", first.oracle);
  print_total_cost(summary.cost(), lines.front().report.problems());
}

}  // namespace program_ensemble
