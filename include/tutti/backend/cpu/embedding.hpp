// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lookup of a token's embedding in a matrix of any type.

#include <cstddef>

#include "tutti/base/error.hpp"
#include "tutti/base/linear_weights.hpp"
#include "tutti/base/types.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

namespace tutti::cpu {

/// out = row `token` of an embedding matrix of any type, as floats.
/// @throws OptionError when the token is not in the vocabulary.
inline void embed(const WeightMatrix& embedding, Token token, float* out) {
  require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < embedding.rows, "token ",
                       token, " is not in a vocabulary of ", embedding.rows,
                       ": tokenize with the model's own tokenizer");
  dequantize_row(embedding.type, embedding.row(static_cast<std::size_t>(token)), embedding.cols,
                 out);
}

}  // namespace tutti::cpu
