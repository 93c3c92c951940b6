// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the value model reads of a candidate: the program, and then the shown examples, whose
// outputs are asked for.

#include <algorithm>
#include <cstdint>
#include <span>

#include "programs/vocabulary.hpp"
#include "tutti/base/types.hpp"
#include "tutti/scorer/noisy_channel.hpp"

namespace programs {

/// BEGIN, PROGRAM, the program and its end, each shown example with a separator behind it. Asked
/// for are the tokens of the outputs and the separators: how likely what is shown is, if this is
/// the program. training/train_value.py builds the same.
/// @param prompt as encode_prompt() makes it
/// @param program the candidate's tokens; any are safe
[[nodiscard]] inline tutti::ChannelReading read_channel(std::span<const tutti::Token> prompt,
                                                        std::span<const tutti::Token> program) {
  tutti::ChannelReading reading{{kBeginToken, kProgramToken}, {}};
  reading.tokens.insert(reading.tokens.end(), program.begin(), program.end());
  bool in_output = false;
  for (const tutti::Token token : prompt.subspan(std::min<std::size_t>(1, prompt.size()))) {
    if (token == kProgramToken) break;
    if (in_output)
      reading.scored_positions.push_back(static_cast<std::uint32_t>(reading.tokens.size()));
    reading.tokens.push_back(token);
    in_output = token == kEqualsToken || (in_output && token != kSeparatorToken);
  }
  return reading;
}

}  // namespace programs
