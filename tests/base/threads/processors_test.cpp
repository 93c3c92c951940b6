// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/threads/processors.hpp"

#include <thread>

#include "tests/support/catch.hpp"
#include "tutti/base/threads/thread_pool.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

using tutti::available_processors;
using tutti::ThreadPool;
using tutti::detail::processors_of_quota;

TEST_CASE("a cgroup's quota counts in processors, rounded up") {
  CHECK(processors_of_quota("max 100000") == 0);
  CHECK(processors_of_quota("100000 100000") == 1);
  CHECK(processors_of_quota("150000 100000") == 2);
  CHECK(processors_of_quota("50000 100000") == 1);
  CHECK(processors_of_quota("800000 100000\n") == 8);
  CHECK(processors_of_quota("-1 100000") == 0);
  CHECK(processors_of_quota("") == 0);
  CHECK(processors_of_quota(" ") == 0);
  CHECK(processors_of_quota("100000") == 0);
}

TEST_CASE("a pool of default size has as many threads as processors may be used") {
  CHECK(available_processors() >= 1);
  CHECK(ThreadPool().size() == available_processors());
}

#if defined(__linux__)
TEST_CASE("a process that may run on one processor gets one thread") {
  // CPU affinity, as `taskset -c` sets it; on a separate thread, so that other tests are not
  // affected.
  std::size_t found = 0, size = 0;
  std::thread([&] {
    cpu_set_t all, one;
    CPU_ZERO(&all);
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all)) continue;
      CPU_SET(cpu, &one);
      break;
    }
    if (sched_setaffinity(0, sizeof one, &one) != 0) return;
    found = available_processors();
    size = ThreadPool().size();
  }).join();
  CHECK(found == 1);
  CHECK(size == 1);
}
#endif
