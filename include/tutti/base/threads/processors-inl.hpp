// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of processors.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "tutti/base/threads/processors.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace tutti {
namespace detail {

TUTTI_INLINE std::size_t processors_of_quota(const char* cpu_max) {
  char* end = nullptr;
  const long long quota = std::strtoll(cpu_max, &end, 10);
  const long long period = std::strtoll(end, nullptr, 10);
  if (end == cpu_max || quota <= 0 || period <= 0) return 0;
  return static_cast<std::size_t>((quota + period - 1) / period);
}

#if defined(__linux__)

[[nodiscard]] inline std::string first_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The smallest quota of the process's cgroup and its parents; 0 for none. Looks at cgroup v2, and
/// at v1 where a container mounts its own group.
[[nodiscard]] inline std::size_t processors_of_cgroup() {
  std::size_t least = 0;
  const auto limit = [&](std::size_t processors) {
    if (processors != 0) least = least == 0 ? processors : std::min(least, processors);
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) != 0) continue;  // the line of v2
    for (std::string path = line.substr(3);; path.erase(path.rfind('/'))) {
      limit(processors_of_quota(first_line_of("/sys/fs/cgroup" + path + "/cpu.max").c_str()));
      if (path.find('/') == std::string::npos) break;
    }
  }
  const std::string v1 = "/sys/fs/cgroup/cpu/cpu.cfs_";
  limit(processors_of_quota(
      (first_line_of(v1 + "quota_us") + " " + first_line_of(v1 + "period_us")).c_str()));
  return least;
}

/// Processors in the affinity mask; 0 where it cannot be read.
[[nodiscard]] inline std::size_t processors_of_affinity() {
  // The kernel's mask may be larger than cpu_set_t.
  for (int processors = CPU_SETSIZE; processors <= (1 << 18); processors *= 2) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<std::size_t>(processors));
    if (set == nullptr) return 0;
    const std::size_t size = CPU_ALLOC_SIZE(static_cast<std::size_t>(processors));
    const bool read = sched_getaffinity(0, size, set) == 0;
    const int count = read ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (read) return static_cast<std::size_t>(count);
  }
  return 0;
}

#endif

}  // namespace detail

TUTTI_INLINE std::size_t available_processors() {
  std::size_t processors = std::thread::hardware_concurrency();
#if defined(__linux__)
  if (const std::size_t count = detail::processors_of_affinity(); count != 0) processors = count;
  if (const std::size_t count = detail::processors_of_cgroup(); count != 0)
    processors = std::min(processors, count);
#endif
  return std::max<std::size_t>(processors, 1);
}

}  // namespace tutti
