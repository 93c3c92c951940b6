// SPDX-License-Identifier: Apache-2.0
#pragma once
// Byte-pair encoding on bytes, as in GPT-2: a piece starts as single bytes, which are merged.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/text/bpe/bpe_merger.hpp"
#include "tutti/text/bpe/merge_bpe.hpp"
#include "tutti/text/bpe/vocabulary.hpp"

namespace tutti {

class ByteLevelBpe final : public MergeBpe {
 public:
  /// See MergeBpe.
  ByteLevelBpe(Vocabulary vocabulary, std::span<const BpeMerge> merges, BpeOptions options)
      : MergeBpe(std::move(vocabulary), merges, options) {
    for (std::size_t byte = 0; byte < byte_tokens_.size(); ++byte) {
      const char text = static_cast<char>(byte);
      byte_tokens_[byte] = this->vocabulary().find({&text, 1}).value_or(kNoToken);
    }
  }

 private:
  static constexpr Token kNoToken = -1;

  void append_symbols(std::string_view piece, std::vector<Token>& tokens) const override {
    bool after_unknown = false;
    for (const char byte : piece) {
      const Token token = byte_tokens_[static_cast<unsigned char>(byte)];
      const bool unknown = token == kNoToken;
      if (!unknown) {
        tokens.push_back(token);
      } else if (options().unknown && !(after_unknown && options().fuse_unknown)) {
        tokens.push_back(*options().unknown);
      }
      after_unknown = unknown;
    }
  }

  std::array<Token, 256> byte_tokens_{};
};

}  // namespace tutti
