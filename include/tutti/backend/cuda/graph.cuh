// SPDX-License-Identifier: Apache-2.0
#pragma once
// CUDA graphs: work that is enqueued again and again becomes one launch.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/error.cuh"
#include "tutti/backend/cuda/memory.cuh"

namespace tutti::cuda {

/// The work that a piece of host code enqueues, recorded with its arguments, to be launched again.
class Graph {
 public:
  Graph() = default;
  ~Graph() {
    if (executable_ != nullptr) (void)cudaGraphExecDestroy(executable_);
  }
  Graph(Graph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(executable_, other.executable_);
    return *this;
  }

  [[nodiscard]] bool empty() const { return executable_ == nullptr; }

  /// Records what `body` enqueues to the stream, without running it. `body` must neither allocate
  /// memory nor wait.
  /// @throws DeviceError, and what `body` throws; the stream is usable afterwards.
  template <class Body>
  [[nodiscard]] static Graph capture(const Stream& stream, Body body) {
    check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
          "beginning a graph");
    cudaGraph_t graph = nullptr;
    try {
      body();
    } catch (...) {
      (void)cudaStreamEndCapture(stream.get(), &graph);
      if (graph != nullptr) (void)cudaGraphDestroy(graph);
      (void)cudaGetLastError();
      throw;
    }
    check(cudaStreamEndCapture(stream.get(), &graph), "ending a graph");
    Graph result;
    const cudaError_t error = cudaGraphInstantiate(&result.executable_, graph, 0);
    (void)cudaGraphDestroy(graph);
    check(error, "instantiating a graph");
    return result;
  }

  void launch(const Stream& stream) const {
    check(cudaGraphLaunch(executable_, stream.get()), "launching a graph");
  }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

/// A cache of CUDA graphs, keyed by the launch arguments of their work, that forgets the least
/// recently used. An entry is invalid once device memory has been freed after it was
/// recorded: its graph may use an address that belongs to another array by now.
/// @tparam Key comparable; equal keys stand for equal launches.
template <class Key>
class GraphCache {
 public:
  static constexpr std::size_t kMaxEntries = 16;

  struct Entry {
    Key key;
    std::uint64_t releases = 0;  ///< Stream::releases when it was recorded.
    Graph graph;                 ///< Empty until someone captures it.
  };

  /// The valid entry of `key`, null if there is none. The pointer is valid until the next call.
  [[nodiscard]] Entry* find(const Key& key, const Stream& stream) {
    std::erase_if(entries_,
                  [&](const Entry& entry) { return entry.releases != stream.releases(); });
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.key == key; });
    if (found == entries_.end()) return nullptr;
    std::rotate(found, found + 1, entries_.end());
    return &entries_.back();
  }

  /// Adds an entry without a graph. The work of `key` must have been enqueued before, so that it
  /// has allocated all that it needs. The reference is valid until the next call.
  [[nodiscard]] Entry& add(Key key, const Stream& stream) {
    if (entries_.size() == kMaxEntries) entries_.erase(entries_.begin());
    entries_.push_back({std::move(key), stream.releases(), {}});
    return entries_.back();
  }

 private:
  std::vector<Entry> entries_;  ///< The least recently used first.
};

}  // namespace tutti::cuda
