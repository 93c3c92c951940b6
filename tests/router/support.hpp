// SPDX-License-Identifier: Apache-2.0
#pragma once
// Queries for tests of routers.

#include <cstddef>

#include "tutti/router/router.hpp"

namespace tutti::test {

inline RouterQuery query(std::size_t experts, std::size_t samples) {
  return {{}, {}, experts, samples};
}

}  // namespace tutti::test
