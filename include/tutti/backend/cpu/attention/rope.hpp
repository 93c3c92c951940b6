// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rotary angles of the rows of a batch, computed once per step for all layers and heads; one set
// per set of frequencies.

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "tutti/backend/backend.hpp"
#include "tutti/backend/cpu/float_matrix.hpp"
#include "tutti/backend/cpu/kernels.hpp"
#include "tutti/base/types.hpp"

namespace tutti::cpu {

/// Cosines and sines of the angles position * frequency, one per pair.
inline void rope_angles(std::size_t position, std::span<const float> frequencies, float* cosines,
                        float* sines) {
  for (std::size_t j = 0; j < frequencies.size(); ++j) {
    const float angle = static_cast<float>(position) * frequencies[j];
    cosines[j] = std::cos(angle);
    sines[j] = std::sin(angle);
  }
}

class RopeAngles {
 public:
  /// @param frequencies sets of radians per position, one per pair of a head: [head_dim / 2].
  void compute(std::span<const Row> rows, std::span<const std::vector<float>> frequencies) {
    sets_.resize(frequencies.size());
    for (std::size_t s = 0; s < sets_.size(); ++s) {
      Set& set = sets_[s];
      set.cosines.reset(rows.size(), frequencies[s].size());
      set.sines.reset(rows.size(), frequencies[s].size());
      for (std::size_t r = 0; r < rows.size(); ++r)
        rope_angles(rows[r].position, frequencies[s], set.cosines.row(r), set.sines.row(r));
    }
  }

  /// Rotates the `heads` heads of batch row `r`, in place, if the layer has rotary embeddings.
  void rotate(std::size_t r, float* x, std::size_t heads, const AttentionShape& shape,
              const Kernels& kernels) const {
    if (!shape.rope_set) return;
    const Set& set = sets_[*shape.rope_set];
    for (std::size_t h = 0; h < heads; ++h) {
      kernels.rope(std::span(x + h * shape.head_dim, shape.head_dim), shape.pairing,
                   set.cosines.row(r), set.sines.row(r));
    }
  }

 private:
  struct Set {
    FloatMatrix cosines, sines;
  };

  std::vector<Set> sets_;
};

}  // namespace tutti::cpu
