// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether two tokenizers give every token the same meaning. Experts that share one prompt must
// agree: a model that reads the ids of another tokenizer answers fluently to a prompt that no one
// wrote.

#include <string>

#include "tutti/base/macros.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace tutti {

/// The first difference of `b` from `a`, with both values; empty if both have the same tokens and
/// encode a sample text alike (words, contractions, digits, white space, other scripts, BOS). This
/// is no proof that they encode every text alike, but other merges or another pre-tokenizer are
/// found in practice. Special tokens, BOS, EOS and the chat template may differ.
[[nodiscard]] std::string first_difference(const Tokenizer& a, const Tokenizer& b);

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/text/tokenizer/tokenizer_difference-inl.hpp"
#endif
