// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/cuda/graph.cuh"

#include "tests/backend/cuda/support.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("A graph is found under its key until any memory of the stream is freed",
          "[cuda][kernel]") {
  const cuda::Stream stream, other;
  cuda::GraphCache<int> cache;
  cuda::DeviceArray<int> array(4, stream);
  cache.add(1, stream).graph = cuda::Graph::capture(stream, [&] { array.set_zero(stream); });
  CHECK(cache.find(2, stream) == nullptr);
  REQUIRE(cache.find(1, stream) != nullptr);
  CHECK_FALSE(cache.find(1, stream)->graph.empty());
  cuda::DeviceArray<int> more(4, stream);
  cuda::DeviceArray<int>(4, other) = {};  // of no concern
  CHECK(cache.find(1, stream) != nullptr);
  more = {};
  CHECK(cache.find(1, stream) == nullptr);
  (void)cache.add(1, stream);
  CHECK(cache.find(1, stream)->graph.empty());
}

TEST_CASE("Beyond 16 graphs the least recently used one is forgotten", "[cuda][kernel]") {
  const cuda::Stream stream;
  cuda::GraphCache<int> cache;
  for (int key = 0; key < 16; ++key) (void)cache.add(key, stream);
  REQUIRE(cache.find(0, stream) != nullptr);
  (void)cache.add(16, stream);
  CHECK(cache.find(1, stream) == nullptr);
  for (const int key : {0, 2, 15, 16}) {
    CAPTURE(key);
    REQUIRE(cache.find(key, stream) != nullptr);
    CHECK(cache.find(key, stream)->key == key);
  }
}

TEST_CASE("Work that allocates memory cannot be captured, and the stream stays usable",
          "[cuda][kernel]") {
  const cuda::Stream stream;
  CHECK_THROWS_WITH(
      cuda::Graph::capture(stream, [&] { const cuda::DeviceArray<int> array(4, stream); }),
      contains("16 bytes"));
  cuda::DeviceArray<int> array = on_device(std::vector<int>{7}, stream);
  const cuda::Graph graph = cuda::Graph::capture(stream, [&] { array.set_zero(stream); });
  cuda::PinnedArray<int> host;
  host.download(array, 1, stream);
  stream.wait();
  CHECK(host.data()[0] == 7);  // a capture runs nothing
  graph.launch(stream);
  host.download(array, 1, stream);
  stream.wait();
  CHECK(host.data()[0] == 0);
}
