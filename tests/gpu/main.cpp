// SPDX-License-Identifier: Apache-2.0
// Runs the tests if there is a GPU, and says so if there is none.
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include <cstdio>

#include "tutti/backend/cuda/error.cuh"

int main(int argc, char** argv) {
  if (!tutti::cuda_available()) {
    std::puts("SKIPPED: no GPU can be used here");
    return 0;
  }
  return Catch::Session().run(argc, argv);
}
