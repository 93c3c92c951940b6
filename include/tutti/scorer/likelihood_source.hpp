// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a scorer may ask of the experts: the log-probability of every token of every candidate under
// every expert. The method of the request implements it (method/generate.hpp).

#include <cstddef>
#include <span>
#include <vector>

#include "tutti/base/candidate.hpp"

namespace tutti {

/// log p of every token of every candidate under every expert.
class LikelihoodTable {
 public:
  LikelihoodTable() = default;
  LikelihoodTable(std::size_t candidates, std::size_t experts)
      : experts_(experts), entries_(candidates * experts) {}

  [[nodiscard]] std::size_t candidates() const {
    return experts_ == 0 ? 0 : entries_.size() / experts_;
  }
  [[nodiscard]] std::size_t experts() const { return experts_; }
  /// One log-probability per token of the candidate, in nats.
  [[nodiscard]] const std::vector<float>& at(std::size_t candidate, std::size_t expert) const {
    return entries_.at(candidate * experts_ + expert);
  }
  [[nodiscard]] std::vector<float>& at(std::size_t candidate, std::size_t expert) {
    return entries_.at(candidate * experts_ + expert);
  }

 private:
  std::size_t experts_ = 0;
  std::vector<std::vector<float>> entries_;
};

/// The experts as a scorer sees them.
class LikelihoodSource {
 public:
  LikelihoodSource() = default;
  LikelihoodSource(const LikelihoodSource&) = delete;
  LikelihoodSource& operator=(const LikelihoodSource&) = delete;
  virtual ~LikelihoodSource() = default;

  [[nodiscard]] virtual std::size_t experts() const = 0;
  /// Log-probabilities of the candidates of the request after its prompt.
  /// @throws ComponentError for a candidate that does not have one log-probability per token.
  [[nodiscard]] virtual LikelihoodTable likelihoods(std::span<const Candidate> candidates) = 0;
};

}  // namespace tutti
