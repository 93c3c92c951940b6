// SPDX-License-Identifier: Apache-2.0
#pragma once
// Signatures for the tests of programs.

#include "programs/language.hpp"

namespace tutti::test {

/// From a text to a text.
inline const programs::Signature kTexts{{programs::Type::text}, programs::Type::text};

}  // namespace tutti::test
