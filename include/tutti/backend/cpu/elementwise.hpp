// SPDX-License-Identifier: Apache-2.0
#pragma once
// Kernels on single rows: norms, rotary embedding, activations, residuals. Each sums in one fixed
// order, independent of the alignment of its arguments. Rows may have any length; outputs may alias
// inputs.

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "tutti/architecture/layer_types.hpp"
#include "tutti/backend/backend.hpp"
#include "tutti/backend/cpu/simd/simd.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

namespace tutti::cpu::inline TUTTI_ABI {

/// out = x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich, "Root mean square layer
/// normalization", 2019).
inline void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
                     float* out) {
  FloatLanes squares = broadcast(0.0F);
  detail::for_vectors(x.size(), [&](std::size_t, auto get, auto) {
    const FloatLanes value = get(x.data());
    squares = fma(value, value, squares);
  });
  const FloatLanes factor = broadcast(
      1.0F / std::sqrt(sum(squares) / static_cast<float>(x.size()) + epsilon));
  detail::for_vectors(x.size(), [&](std::size_t, auto get, auto put) {
    put(out, get(x.data()) * factor * get(weight.data()));
  });
}

/// out = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias (Ba, Kiros and Hinton, "Layer
/// normalization", 2016).
inline void layer_norm(std::span<const float> x, std::span<const float> weight,
                       std::span<const float> bias, float epsilon, float* out) {
  FloatLanes total = broadcast(0.0F);
  detail::for_vectors(x.size(),
                      [&](std::size_t, auto get, auto) { total = total + get(x.data()); });
  const float count = static_cast<float>(x.size());
  const FloatLanes mean = broadcast(sum(total) / count);
  detail::for_vectors(x.size(),
                      [&](std::size_t, auto get, auto put) { put(out, get(x.data()) - mean); });
  // Read back, so that the lanes after the row's end are zero again.
  FloatLanes squares = broadcast(0.0F);
  detail::for_vectors(x.size(), [&](std::size_t, auto get, auto) {
    const FloatLanes value = get(out);
    squares = fma(value, value, squares);
  });
  const FloatLanes factor = broadcast(1.0F / std::sqrt(sum(squares) / count + epsilon));
  detail::for_vectors(x.size(), [&](std::size_t, auto get, auto put) {
    put(out, fma(get(out) * factor, get(weight.data()), get(bias.data())));
  });
}

/// x += y.
inline void add(std::span<float> x, const float* y) {
  detail::for_vectors(
      x.size(), [&](std::size_t, auto get, auto put) { put(x.data(), get(x.data()) + get(y)); });
}

/// x *= factor.
inline void multiply(std::span<float> x, float factor) {
  detail::for_vectors(x.size(), [&](std::size_t, auto get, auto put) {
    put(x.data(), get(x.data()) * broadcast(factor));
  });
}

[[nodiscard]] inline FloatLanes activate(Activation activation, FloatLanes x) {
  return activation == Activation::silu ? silu(x) : gelu_tanh(x);
}

/// x = activation(x).
inline void activate(Activation activation, std::span<float> x) {
  detail::for_vectors(x.size(), [&](std::size_t, auto get, auto put) {
    put(x.data(), activate(activation, get(x.data())));
  });
}

/// out = activation(gate) * up, the gated unit of Shazeer, "GLU variants improve transformer"
/// (2020).
inline void gated_unit(Activation activation, std::span<const float> gate, const float* up,
                       float* out) {
  detail::for_vectors(gate.size(), [&](std::size_t, auto get, auto put) {
    put(out, activate(activation, get(gate.data())) * get(up));
  });
}

/// Rotates the pairs of one head in place by the angles of `rope_angles` (Su et al., "RoFormer",
/// 2021); head.size() is twice the number of angles.
inline void rope(std::span<float> head, RopePairing pairing, const float* cosines,
                 const float* sines) {
  const std::size_t half = head.size() / 2;
  const std::size_t step = pairing == RopePairing::halves ? 1 : 2;
  float* first = head.data();
  float* second = head.data() + (pairing == RopePairing::halves ? half : 1);
  for (std::size_t j = 0; j < half; ++j) {
    const float a = first[j * step];
    const float b = second[j * step];
    first[j * step] = std::fma(a, cosines[j], -(b * sines[j]));
    second[j * step] = std::fma(a, sines[j], b * cosines[j]);
  }
}

}  // namespace tutti::cpu::inline TUTTI_ABI
