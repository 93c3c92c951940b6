// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CPU kernels of one instruction set as a table of functions. The Cpu backend is written
// against this table; everything above it is the same for all instruction sets. A kernel does a
// whole row, tile or share of a product, so that the call costs nothing.

#include <cstddef>
#include <span>

#include "tutti/architecture/layer_types.hpp"
#include "tutti/backend/backend.hpp"
#include "tutti/backend/cpu/activations.hpp"
#include "tutti/backend/cpu/attention/attention_query.hpp"
#include "tutti/backend/cpu/product/product_job.hpp"
#include "tutti/base/instruction_set.hpp"
#include "tutti/base/macros.hpp"

#if defined(TUTTI_COMPILED) || defined(TUTTI_EXTERN_KERNELS)
#define TUTTI_KERNELS_INLINE
#else
#define TUTTI_KERNELS_INLINE inline
#endif

namespace tutti::cpu {

/// Each function is documented where it is written: product/, attention/attention.hpp,
/// elementwise.hpp, product/quantize_activations.hpp.
struct Kernels {
  InstructionSet instruction_set;
  bool multiplies_bfloat16;  ///< Whether products can multiply pairs of bfloat16.

  void (*prepare_activations)(const ActivationRow& row);
  void (*product)(const ProductJob& job, std::size_t first, std::size_t last);
  void (*add_low_rank)(const LowRankJob& job, std::size_t first, std::size_t count);

  void (*rms_norm)(std::span<const float> x, std::span<const float> weight, float epsilon,
                   float* out);
  void (*layer_norm)(std::span<const float> x, std::span<const float> weight,
                     std::span<const float> bias, float epsilon, float* out);
  void (*add)(std::span<float> x, const float* y);
  void (*multiply)(std::span<float> x, float factor);
  void (*activate)(Activation activation, std::span<float> x);
  void (*gated_unit)(Activation activation, std::span<const float> gate, const float* up,
                     float* out);
  void (*rope)(std::span<float> head, RopePairing pairing, const float* cosines,
               const float* sines);

  void (*store_key_value)(KvType type, std::byte* keys, std::byte* values, std::size_t head_dim,
                          std::size_t offset, const float* key, const float* value);
  void (*attend_chunk)(KvType type, std::span<AttentionQuery> queries, std::size_t head_dim,
                       const KvChunk& chunk);
  void (*finish_attention)(AttentionQuery& query, std::size_t head_dim);
};

inline namespace TUTTI_ABI {

/// The kernels of the instruction set that this program uses (base/instruction_set.hpp).
[[nodiscard]] TUTTI_KERNELS_INLINE const Kernels& default_kernels();

/// The kernels of `set`.
/// @throws OptionError when the program does not contain it or the processor lacks it.
[[nodiscard]] TUTTI_KERNELS_INLINE const Kernels& kernels_of(InstructionSet set);

}  // namespace TUTTI_ABI
}  // namespace tutti::cpu

// The tests of this project define TUTTI_EXTERN_KERNELS to compile the kernels once per program.
#if !defined(TUTTI_COMPILED) && !defined(TUTTI_EXTERN_KERNELS)
#include "tutti/backend/cpu/kernels-inl.hpp"
#endif
