// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a selector is worth: its pick between one random candidate, which costs nothing, and the
// oracle, which no selector can beat.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/evaluate/bootstrap.hpp"

namespace tutti {

struct SelectionSummary {
  Interval random;    ///< A candidate taken at random: the mean over the candidates.
  Interval selected;  ///< The selector's pick.
  Interval oracle;    ///< The best candidate.
  /// (selected - random) / (oracle - random): 0 is as good as chance, 1 is perfect, below 0 is
  /// harmful.
  Interval gap_recovered;
};

/// Collects problem by problem how good the candidates were and which one was picked.
class SelectionReport {
 public:
  /// @param worth one value for each candidate: 1 for solved, 0 for not, or a fraction.
  /// @throws OptionError for no candidates, or a pick that is none of them.
  void add(std::span<const double> worth, std::size_t picked) {
    require<OptionError>(picked < worth.size(), "candidate ", picked, " was picked of ",
                         worth.size(), ": the first is candidate 0");
    double sum = 0;
    for (const double value : worth) sum += value;
    const auto [least, most] = std::minmax_element(worth.begin(), worth.end());
    random_.push_back(std::clamp(sum / static_cast<double>(worth.size()), *least,
                                 *most));  // rounding must not make a gap
    selected_.push_back(worth[picked]);
    oracle_.push_back(*most);
  }

  [[nodiscard]] std::size_t problems() const { return random_.size(); }
  /// One value a problem each, to compare selectors and systems by bootstrap_difference.
  [[nodiscard]] ProblemColumn random() const { return random_; }
  [[nodiscard]] ProblemColumn selected() const { return selected_; }
  [[nodiscard]] ProblemColumn oracle() const { return oracle_; }

  /// @throws OptionError while there are no problems.
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
