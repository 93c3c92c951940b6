// SPDX-License-Identifier: Apache-2.0
#pragma once
// Two clocks: the host's, and CUDA events around graphs, which exclude the host's time.

#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include "tutti/backend/cuda/graph.cuh"

namespace tutti::bench {

template <class Body>
double seconds_of(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Median, and half of the distance between the quartiles.
struct Timing {
  double median = 0, spread = 0;
};
inline Timing timing_of(std::vector<double> seconds) {
  if (seconds.empty()) return {};
  std::sort(seconds.begin(), seconds.end());
  const std::size_t n = seconds.size();
  return {seconds[n / 2], (seconds[n * 3 / 4] - seconds[n / 4]) / 2};
}

/// Median seconds of what `body` enqueues, of `rounds` measurements by CUDA events. Each measures a
/// graph with several repetitions. `body` runs once before, to allocate what it needs.
template <class Body>
double median_seconds(const cuda::Stream& stream, std::size_t rounds, const Body& body) {
  constexpr std::size_t kRepetitions = 10;
  struct Destroy {
    void operator()(cudaEvent_t event) const { (void)cudaEventDestroy(event); }
  };
  using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, Destroy>;
  const auto make = [] {
    cudaEvent_t event = nullptr;
    cuda::check(cudaEventCreateWithFlags(&event, cudaEventDefault), "creating an event");
    return Event(event);
  };
  body();
  const cuda::Graph graph = cuda::Graph::capture(stream, [&] {
    for (std::size_t i = 0; i < kRepetitions; ++i) body();
  });
  graph.launch(stream);  // warms up
  const Event begin = make(), end = make();
  std::vector<double> seconds;
  for (std::size_t round = 0; round < rounds; ++round) {
    cuda::check(cudaEventRecord(begin.get(), stream.get()), "recording an event");
    graph.launch(stream);
    cuda::check(cudaEventRecord(end.get(), stream.get()), "recording an event");
    stream.wait();
    float milliseconds = 0;
    cuda::check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "reading events");
    seconds.push_back(static_cast<double>(milliseconds) * 1e-3 / kRepetitions);
  }
  return timing_of(seconds).median;
}

}  // namespace tutti::bench
