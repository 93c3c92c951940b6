// SPDX-License-Identifier: Apache-2.0
#pragma once
// Checks of a request that need neither weights nor a cache, and its prompt as tokens.

#include <cstddef>
#include <string_view>
#include <vector>

#include "tutti/base/types.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/text/text_codec.hpp"

namespace tutti::detail {

/// The key of a draw has 16 bits for the sample.
inline constexpr std::size_t kMaxSamples = 65535;

/// @throws OptionError for a request that is out of range.
void check_request(const Request& request, const TextCodec& codec, std::size_t vocabulary_size);

/// @throws OptionError for an empty prompt, or one that the codec cannot encode.
[[nodiscard]] std::vector<Token> encode_prompt(const Request& request, const TextCodec& codec);

/// The user's prompt, as routers and scorers see it.
[[nodiscard]] std::string_view prompt_text(const Request& request);

}  // namespace tutti::detail

#if !defined(TUTTI_COMPILED)
#include "tutti/engine/detail/check_request-inl.hpp"
#endif
