// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many processors this process may use.

#include <cstddef>

#include "tutti/base/macros.hpp"

namespace tutti {

/// The processors that the operating system lets this process run on, at least 1: the hardware
/// threads of its CPU affinity mask, and on Linux no more than its cgroup's CPU quota, rounded up.
/// Hardware threads of one core and efficiency cores count like all others.
[[nodiscard]] TUTTI_INLINE std::size_t available_processors();

namespace detail {

/// The CPU quota in the text of cgroup v2's cpu.max ("max 100000", "150000 100000"), in processors
/// rounded up; 0 for none.
[[nodiscard]] TUTTI_INLINE std::size_t processors_of_quota(const char* cpu_max);

}  // namespace detail
}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/base/threads/processors-inl.hpp"
#endif
