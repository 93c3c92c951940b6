// SPDX-License-Identifier: Apache-2.0
#pragma once
// Work that is enqueued again and again, as one launch.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tutti/backend/cuda/error.cuh"
#include "tutti/backend/cuda/memory.cuh"

namespace tutti::cuda {

/// What a piece of host code enqueues, to be run as often as wanted with the arguments it had.
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

/// Graphs by what their launches are told, the latest few of them. A graph is forgotten when device
/// memory has been given back since its work was last known to need none: it may use what is gone.
/// @tparam Key comparable; equal ones are enqueued alike.
template <class Key>
class GraphCache {
 public:
  struct Entry {
    Key key;
    std::uint64_t releases = 0;
    Graph graph;  ///< Empty until someone captures it.
  };

  /// The entry of `key`; null if there is none. Valid until the next call.
  [[nodiscard]] Entry* find(const Key& key, const Stream& stream) {
    std::erase_if(entries_,
                  [&](const Entry& entry) { return entry.releases != stream.releases(); });
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.key == key; });
    return found == entries_.end() ? nullptr : &*found;
  }

  /// Work with `key` has been enqueued, and has made all the room that it needs. Valid until the
  /// next call.
  [[nodiscard]] Entry& add(Key key, const Stream& stream) {
    constexpr std::size_t kMaxEntries = 16;
    if (entries_.size() == kMaxEntries) entries_.erase(entries_.begin());
    entries_.push_back({std::move(key), stream.releases(), {}});
    return entries_.back();
  }

 private:
  std::vector<Entry> entries_;  ///< The oldest first.
};

}  // namespace tutti::cuda
