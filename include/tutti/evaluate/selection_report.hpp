// SPDX-License-Identifier: Apache-2.0
#pragma once
// Measures a selector: the quality of its picks relative to a random candidate (the lower
// reference) and to the oracle, which always picks the best candidate (the upper bound).

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/evaluate/bootstrap.hpp"

namespace tutti {

struct SelectionSummary {
  Interval random;    ///< A random candidate: the mean over the candidates.
  Interval selected;  ///< The selector's pick.
  Interval oracle;    ///< The best candidate.
  /// (selected - random) / (oracle - random): 0 is chance, 1 is perfect, below 0 is worse than
  /// chance.
  Interval gap_recovered;
};

/// Collects, per problem, the quality of each candidate and the index of the picked one.
class SelectionReport {
 public:
  /// @param quality one value per candidate: 1 for solved, 0 for not solved, or a fraction.
  /// @throws OptionError for no candidates, or an index outside the candidates.
  void add_problem(std::span<const double> quality, std::size_t picked) {
    require<OptionError>(picked < quality.size(), "candidate ", picked, " was picked of ",
                         quality.size(), ": candidates count from 0");
    double sum = 0;
    for (const double value : quality) sum += value;
    const auto [min, max] = std::minmax_element(quality.begin(), quality.end());
    // Clamped: rounding must not produce a gap between equal candidates.
    random_.push_back(std::clamp(sum / static_cast<double>(quality.size()), *min, *max));
    selected_.push_back(quality[picked]);
    oracle_.push_back(*max);
  }

  [[nodiscard]] std::size_t problems() const { return random_.size(); }
  /// One value per problem each, for comparisons of selectors and systems by bootstrap_difference.
  [[nodiscard]] ProblemColumn random() const { return random_; }
  [[nodiscard]] ProblemColumn selected() const { return selected_; }
  [[nodiscard]] ProblemColumn oracle() const { return oracle_; }

  /// @throws OptionError when no problem has been added.
  [[nodiscard]] SelectionSummary summary(const BootstrapOptions& options = {}) const {
    return {bootstrap_mean(random_, options), bootstrap_mean(selected_, options),
            bootstrap_mean(oracle_, options),
            bootstrap({random_, selected_, oracle_}, gap_recovered, options)};
  }

 private:
  static double gap_recovered(std::span<const double> means) {
    const double gap = means[2] - means[0];
    return gap > 0 ? (means[1] - means[0]) / gap : std::numeric_limits<double>::quiet_NaN();
  }

  std::vector<double> random_;
  std::vector<double> selected_;
  std::vector<double> oracle_;
};

}  // namespace tutti
