// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rotary angles of a batch's rows, computed once a step for all layers and heads.

#include <cstddef>
#include <span>

#include "tutti/backend/concept.hpp"
#include "tutti/backend/cpu/elementwise.hpp"
#include "tutti/backend/cpu/float_matrix.hpp"
#include "tutti/core/types.hpp"

namespace tutti::cpu {

class RopeAngles {
 public:
  /// @param frequencies radians a position, one for each pair of a head: [head_dim / 2].
  void compute(std::span<const Row> rows, std::span<const float> frequencies) {
    cosines_.reset(rows.size(), frequencies.size());
    sines_.reset(rows.size(), frequencies.size());
    for (std::size_t r = 0; r < rows.size(); ++r) rope_angles(rows[r].position, frequencies, cosines_.row(r), sines_.row(r));
  }

  /// Turns the `heads` heads of batch row `r`, in place.
  void turn(std::size_t r, float* x, std::size_t heads, const AttentionShape& shape) const {
    for (std::size_t h = 0; h < heads; ++h) {
      rope(std::span(x + h * shape.head_dim, shape.head_dim), shape.pairing, cosines_.row(r), sines_.row(r));
    }
  }

 private:
  FloatMatrix cosines_, sines_;
};

}  // namespace tutti::cpu
