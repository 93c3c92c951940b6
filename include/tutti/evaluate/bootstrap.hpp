// SPDX-License-Identifier: Apache-2.0
#pragma once
// Confidence intervals of figures that are measured on a set of problems: percentile intervals of
// the bootstrap (Efron 1979) over the problems. Systems are compared on the same problems with a
// paired bootstrap: every resample takes the same problems for all of them, so the difficulty of
// the problems does not widen the interval of their difference.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/philox.hpp"

namespace tutti {

struct BootstrapOptions {
  std::size_t resamples = 10000;
  double confidence = 0.95;  ///< In (0, 1).
  /// Equal seeds give the same resamples on any machine, also for two intervals over one problem
  /// set.
  std::uint64_t seed = 0;
};

/// An estimate with its confidence interval.
struct Interval {
  /// The statistic of the problems themselves; NaN where it is undefined (0 / 0).
  double estimate = 0;
  double low = 0;             ///< Quantile (1 - confidence) / 2 of the resamples.
  double high = 0;            ///< Quantile (1 + confidence) / 2 of the resamples.
  std::size_t undefined = 0;  ///< Resamples that are excluded because the statistic was undefined.

  /// Whether the whole interval is above `value`.
  [[nodiscard]] bool above(double value) const { return low > value; }
  [[nodiscard]] bool below(double value) const { return high < value; }
};

/// One value per problem: 1 for solved, 0 for not solved, or a fraction. All columns of one call
/// are about the same problems, in the same order.
using ProblemColumn = std::span<const double>;

/// A statistic: a function of the columns' means.
template <class S>
concept StatisticOfMeans = requires(S& statistic, std::span<const double> means) {
  { statistic(means) } -> std::convertible_to<double>;
};

namespace detail {

/// Quantile `q` of ascending values, interpolated linearly between neighbors (type 7 of Hyndman and
/// Fan, numpy's default).
[[nodiscard]] inline double quantile(std::span<const double> ascending, double q) {
  const double place = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  if (ascending[below] == ascending[above])
    return ascending[below];  // also where both are infinite
  return ascending[below] +
         (place - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

/// Draws problems.size() problems with replacement. Scaling 32 random bits to the range changes a
/// problem's probability by a factor of less than 1 + problems / 2^32.
inline void draw_resample(std::uint64_t seed, std::uint32_t number,
                          std::span<std::uint32_t> problems) {
  const PhiloxKey key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  for (std::size_t first = 0; first < problems.size(); first += 4) {
    const PhiloxCounter bits = philox4x32({static_cast<std::uint32_t>(first / 4), number, 0, 0},
                                          key);
    for (std::size_t i = first; i < std::min(first + 4, problems.size()); ++i) {
      problems[i] = static_cast<std::uint32_t>((std::uint64_t{bits[i - first]} * problems.size()) >>
                                               32);
    }
  }
}

inline void check_columns(std::span<const ProblemColumn> columns, const BootstrapOptions& options) {
  require<OptionError>(!columns.empty() && !columns.front().empty(), "a bootstrap of ",
                       columns.size(), " columns of ", columns.empty() ? 0 : columns.front().size(),
                       " problems: give at least one of each");
  for (const ProblemColumn& column : columns) {
    require<OptionError>(column.size() == columns.front().size(), "columns of ",
                         columns.front().size(), " and ", column.size(),
                         " problems cannot be paired: give every system the same problems");
  }
  constexpr std::size_t kMax = std::numeric_limits<std::uint32_t>::max();
  require<OptionError>(columns.front().size() <= kMax, columns.front().size(),
                       " problems: at most ", kMax);
  require<OptionError>(options.resamples >= 1 && options.resamples <= kMax, options.resamples,
                       " resamples: give between 1 and ", kMax);
  require<OptionError>(options.confidence > 0 && options.confidence < 1, "a confidence of ",
                       options.confidence, ": it must be between 0 and 1");
}

}  // namespace detail

/// The interval of statistic(mean of column 0, mean of column 1, ...).
/// @throws OptionError for no columns, no problems, columns of different lengths, or options out of
/// range.
template <StatisticOfMeans Statistic>
[[nodiscard]] Interval bootstrap(std::span<const ProblemColumn> columns, Statistic statistic,
                                 const BootstrapOptions& options = {}) {
  detail::check_columns(columns, options);
  const std::size_t problems = columns.front().size();
  std::vector<std::uint32_t> drawn(problems);
  std::vector<double> means(columns.size());
  const auto evaluate = [&] {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      double sum = 0;
      for (const std::uint32_t problem : drawn) sum += columns[c][problem];
      means[c] = sum / static_cast<double>(problems);
    }
    return static_cast<double>(statistic(std::span<const double>(means)));
  };
  for (std::size_t i = 0; i < problems; ++i) drawn[i] = static_cast<std::uint32_t>(i);
  Interval interval;
  interval.estimate = evaluate();

  std::vector<double> values;
  values.reserve(options.resamples);
  for (std::size_t r = 0; r < options.resamples; ++r) {
    detail::draw_resample(options.seed, static_cast<std::uint32_t>(r), drawn);
    const double value = evaluate();
    if (!std::isnan(value)) values.push_back(value);
  }
  interval.undefined = options.resamples - values.size();
  if (values.empty()) {
    interval.low = interval.high = std::numeric_limits<double>::quiet_NaN();
    return interval;
  }
  std::sort(values.begin(), values.end());
  interval.low = detail::quantile(values, (1 - options.confidence) / 2);
  interval.high = detail::quantile(values, (1 + options.confidence) / 2);
  return interval;
}

template <StatisticOfMeans Statistic>
[[nodiscard]] Interval bootstrap(std::initializer_list<ProblemColumn> columns, Statistic statistic,
                                 const BootstrapOptions& options = {}) {
  return bootstrap(std::span<const ProblemColumn>(columns.begin(), columns.size()), statistic,
                   options);
}

/// The interval of mean(values), for one system.
[[nodiscard]] inline Interval bootstrap_mean(ProblemColumn values,
                                             const BootstrapOptions& options = {}) {
  return bootstrap(
      {values}, [](std::span<const double> mean) { return mean[0]; }, options);
}

/// The interval of mean(a) - mean(b), paired. The systems differ significantly if it excludes 0.
[[nodiscard]] inline Interval bootstrap_difference(ProblemColumn a, ProblemColumn b,
                                                   const BootstrapOptions& options = {}) {
  return bootstrap(
      {a, b}, [](std::span<const double> mean) { return mean[0] - mean[1]; }, options);
}

}  // namespace tutti
