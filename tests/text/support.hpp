// SPDX-License-Identifier: Apache-2.0
#pragma once
// Vocabularies for the tests of text.

#include <initializer_list>
#include <string_view>

#include "tutti/text/bpe/vocabulary.hpp"

namespace tutti::test {

/// The tokens in their order; all can be found by their bytes.
inline Vocabulary vocabulary_of(std::initializer_list<std::string_view> tokens) {
  Vocabulary vocabulary(tokens.size());
  for (const std::string_view token : tokens) vocabulary.add(token, true);
  return vocabulary;
}

}  // namespace tutti::test
