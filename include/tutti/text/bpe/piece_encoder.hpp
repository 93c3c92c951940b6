// SPDX-License-Identifier: Apache-2.0
#pragma once
// The interface of the models that turn one piece of text into tokens.

#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/bpe/vocabulary.hpp"

namespace tutti {

/// Immutable, so const methods may run in any number of threads.
class PieceEncoder {
 public:
  virtual ~PieceEncoder() = default;

  /// Appends the tokens of `piece` to `tokens`. Time O(n log n) in the length of the piece.
  virtual void encode(std::string_view piece, std::vector<Token>& tokens) const = 0;

  /// The tokens; those that are findable are the ones a piece can become.
  [[nodiscard]] virtual const Vocabulary& vocabulary() const = 0;

 protected:
  PieceEncoder() = default;
  PieceEncoder(const PieceEncoder&) = default;
  PieceEncoder& operator=(const PieceEncoder&) = default;
};

}  // namespace tutti
