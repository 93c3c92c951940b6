// SPDX-License-Identifier: Apache-2.0
// Append and attention of the Cuda backend against those of the Cpu backend on the same rows.
#include "tutti/backend/cuda/attention.cuh"

#include <cmath>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/backend/cuda/support.hpp"
#include "tutti/backend/cpu/attention/paged_attention.hpp"
#include "tutti/backend/cpu/attention/rope.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Two layers; the tests use the second.
constexpr std::size_t kLayers = 2, kLayer = 1;

struct Case {
  AttentionShape shape;
  KvType type = KvType::f32;
  std::size_t partial_floats = cuda::BatchAttention::kPartialFloats;
};

std::vector<float> frequencies_of(const AttentionShape& shape) {
  std::vector<float> frequencies;
  for (std::size_t j = 0; j < shape.head_dim / 2; ++j)
    frequencies.push_back(
        std::pow(100.0F, -static_cast<float>(j) / static_cast<float>(shape.head_dim)));
  return frequencies;
}

/// The attended rows of every step, on both backends.
struct Outputs {
  std::vector<float> cpu, cuda;
};

Outputs run(const Case& test, std::size_t prompt, std::size_t samples, std::size_t decode_steps) {
  const AttentionShape& shape = test.shape;
  const std::size_t query_width = shape.heads * shape.head_dim,
                    kv_width = shape.kv_heads * shape.head_dim;
  const KvShape kv{kLayers, shape.kv_heads, shape.head_dim, test.type};
  const cuda::Stream stream;
  ThreadPool pool(1);
  KvPageTable cache(1000);
  cpu::KvStorage cpu_pages(kv);
  cuda::KvStorage cuda_pages(kv);
  cpu::RopeAngles angles;
  cuda::BatchAttention attention(test.partial_floats);
  const std::vector<float> frequencies = frequencies_of(shape);
  const cuda::DeviceAttention device_shape{kLayer,
                                           static_cast<std::uint32_t>(shape.heads),
                                           static_cast<std::uint32_t>(shape.kv_heads),
                                           static_cast<std::uint32_t>(shape.head_dim),
                                           shape.pairing == RopePairing::interleaved,
                                           true,
                                           shape.scale};
  Outputs outputs;
  std::uint64_t seed = 1;
  const auto step = [&](const std::vector<Row>& rows) {
    const Batch batch = plan_batch(rows, cache);
    cpu_pages.reserve(cache.pages_needed());
    cuda_pages.reserve(cache.pages_needed(), stream);
    for (const PageCopy& copy : batch.copies) cpu_pages.copy(copy);
    cuda_pages.copy(batch.copies, stream);
    std::vector<float> q = random_floats(rows.size() * query_width, ++seed);
    std::vector<float> k = random_floats(rows.size() * kv_width, ++seed),
                       v = random_floats(rows.size() * kv_width, ++seed);

    attention.begin(batch, std::span(&frequencies, 1), stream);
    const cuda::Rows queries = rows_of(q, query_width, stream), keys = rows_of(k, kv_width, stream),
                     values = rows_of(v, kv_width, stream);
    const cuda::Rows attended(rows.size(), query_width, stream);
    cuda::launch({dim3(static_cast<unsigned>(rows.size()),
                       static_cast<unsigned>(shape.heads + 2 * shape.kv_heads)),
                  dim3(cuda::kWarpThreads)},
                 stream.get(), cuda::append_kernel<cuda::kWarpThreads>,
                 attention.entry(device_shape, 0, cuda_pages), cuda::DeviceNorm{},
                 cuda::DeviceNorm{}, attention.rows(), queries.view(), keys.view(), values.view());
    attention.attend(device_shape, shape.window, batch, cuda_pages, queries, attended, stream);
    const std::vector<float> on_gpu = values_of(attended, stream);
    outputs.cuda.insert(outputs.cuda.end(), on_gpu.begin(), on_gpu.end());

    angles.compute(batch.rows, std::span(&frequencies, 1));
    for (std::size_t r = 0; r < rows.size(); ++r) {
      angles.rotate(r, &q[r * query_width], shape.heads, shape, cpu::default_kernels());
      angles.rotate(r, &k[r * kv_width], shape.kv_heads, shape, cpu::default_kernels());
      cpu_pages.write(batch.slots[r], kLayer, &k[r * kv_width], &v[r * kv_width]);
    }
    std::vector<float> out(rows.size() * query_width);
    cpu::attend_pages(shape, kLayer, batch, cpu_pages,
                      MatrixView<float>(q.data(), rows.size(), query_width),
                      MatrixView<float>(out.data(), rows.size(), query_width), pool);
    outputs.cpu.insert(outputs.cpu.end(), out.begin(), out.end());
  };

  const SequenceId parent = cache.create();
  std::vector<Row> rows;
  for (std::size_t i = 0; i < prompt; ++i)
    rows.push_back({0, parent, static_cast<std::uint32_t>(i), 0});
  step(rows);
  std::vector<SequenceId> children;
  for (std::size_t s = 0; s < samples; ++s) children.push_back(cache.fork(parent, prompt));
  for (std::size_t i = 0; i < decode_steps; ++i) {
    rows.clear();
    for (const SequenceId child : children)
      rows.push_back({0, child, static_cast<std::uint32_t>(prompt + i), 0});
    step(rows);
  }
  return outputs;
}

double largest_difference(const Outputs& outputs) {
  double largest = 0;
  for (std::size_t i = 0; i < outputs.cpu.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(outputs.cpu[i]) -
                                        static_cast<double>(outputs.cuda[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

}  // namespace

TEST_CASE("attention after a shared prompt equals the Cpu backend's in any order of threads",
          "[cuda][kernel]") {
  const Case test{{4, 2, 16, RopePairing::halves, 0.25F}};
  std::vector<float> first;
  in_several_orders([&] {
    const Outputs outputs = run(test, 70, 3, 2);
    CHECK(largest_difference(outputs) < 2e-6);
    if (first.empty()) first = outputs.cuda;
    CHECK(outputs.cuda == first);
  });
}

TEST_CASE(
    "attention equals the Cpu backend's for all head sizes, groupings, pairings and cache types",
    "[cuda][kernel]") {
  for (const std::size_t head_dim : {64U, 80U, 96U, 128U, 256U}) {
    CAPTURE(head_dim);
    CHECK(largest_difference(run({{2, 1, head_dim, RopePairing::halves, 0.1F}}, 5, 2, 1)) < 2e-6);
  }
  for (const std::size_t kv_heads : {1U, 2U, 3U, 6U}) {
    CAPTURE(kv_heads);
    CHECK(largest_difference(run({{6, kv_heads, 8, RopePairing::interleaved, 0.3F}}, 3, 2, 1)) <
          2e-6);
  }
  // Values in (-1, 1), which both backends round to 16 bits in the same way, except keys whose last
  // bit differed before.
  CHECK(largest_difference(run({{2, 2, 16, RopePairing::halves, 0.25F}, KvType::f16}, 9, 2, 1)) <
        1e-3);
  CHECK(largest_difference(run({{2, 2, 16, RopePairing::halves, 0.25F}, KvType::bf16}, 9, 2, 1)) <
        8e-3);
}

TEST_CASE("with a window, attention equals the Cpu backend's and leaves out the pages before it",
          "[cuda][kernel]") {
  for (const std::size_t window : {1U, 10U, 64U, 70U}) {
    CAPTURE(window);
    Case test{{2, 1, 16, RopePairing::halves, 0.25F}};
    test.shape.window = window;
    CHECK(largest_difference(run(test, 90, 2, 2)) < 2e-6);
  }
}

TEST_CASE("attention equals the Cpu backend's where prompts and windows end at a page's border",
          "[cuda][kernel]") {
  for (const std::size_t prompt : {63U, 64U, 65U, 128U}) {
    for (const std::size_t window : {0U, 1U, 63U, 64U, 65U}) {
      CAPTURE(prompt, window);
      Case test{{2, 1, 8, RopePairing::halves, 0.35F}};
      test.shape.window = window;
      CHECK(largest_difference(run(test, prompt, 2, 2)) < 2e-6);
    }
  }
}

TEST_CASE("attention has the same bits when partial results are in memory for a few rows at a time",
          "[cuda][kernel]") {
  Case test{{4, 2, 8, RopePairing::halves, 0.35F}};
  const Outputs expected = run(test, 70, 3, 2);
  // Of 4 heads and 2 pages of 8 + 2 floats: one row at a time, and three.
  for (const std::size_t partial_floats : {std::size_t{1}, std::size_t{3 * 4 * 2 * 10}}) {
    CAPTURE(partial_floats);
    test.partial_floats = partial_floats;
    CHECK(run(test, 70, 3, 2).cuda == expected.cuda);
  }
}

TEST_CASE("a row's attention has the same bits with and without other rows at its pages",
          "[cuda][kernel]") {
  const Case test{{2, 1, 16, RopePairing::halves, 0.25F}};
  const Outputs one = run(test, 130, 1, 1), also_one = run(test, 130, 1, 1);
  CHECK(one.cuda == also_one.cuda);
  // With more samples the first one's random query, key and value stay the same: they come first.
  const Outputs three = run(test, 130, 3, 1);
  const std::size_t row = 2 * 16;
  CHECK(std::vector<float>(one.cuda.begin(), one.cuda.begin() + 130 * row) ==
        std::vector<float>(three.cuda.begin(), three.cuda.begin() + 130 * row));
  CHECK(std::vector<float>(one.cuda.begin() + 130 * row, one.cuda.begin() + 131 * row) ==
        std::vector<float>(three.cuda.begin() + 130 * row, three.cuda.begin() + 131 * row));
}

TEST_CASE("rows whose n-th page is the same visit it together", "[cuda][kernel]") {
  KvPageTable cache(10);
  const SequenceId parent = cache.create();
  for (std::size_t i = 0; i < 64; ++i) (void)cache.append(parent);
  const SequenceId a = cache.fork(parent, 64), b = cache.fork(parent, 64), other = cache.create();
  const std::vector<Row> rows = {{0, a, 64, 0}, {0, b, 64, 0}, {1, other, 0, 0}};
  const Batch batch = plan_batch(rows, cache);
  const std::vector<cuda::PageVisit> visits = cuda::page_visits(batch, std::vector<WindowStart>(3),
                                                                0, 3);
  REQUIRE(visits.size() == 4);
  CHECK((visits[0].page == 0 && visits[0].depth == 0 && visits[0].first_row == 0 &&
         visits[0].row_count == 2));
  CHECK((visits[1].depth == 0 && visits[1].first_row == 2 && visits[1].row_count == 1));
  CHECK((visits[2].depth == 1 && visits[2].first_row == 0 && visits[2].row_count == 1));
  CHECK((visits[3].depth == 1 && visits[3].first_row == 1 && visits[3].row_count == 1));
}

TEST_CASE("rows that share a page with a row between them that has none do not visit it together",
          "[cuda][kernel]") {
  KvPageTable cache(10);
  const SequenceId parent = cache.create(), other = cache.create();
  for (std::size_t i = 0; i < 128; ++i) (void)cache.append(parent);
  const SequenceId a = cache.fork(parent, 128), b = cache.fork(parent, 128);
  const std::vector<Row> rows = {{0, a, 128, 0}, {0, other, 0, 0}, {0, b, 128, 0}};
  const Batch batch = plan_batch(rows, cache);
  const std::vector<cuda::PageVisit> visits = cuda::page_visits(batch, std::vector<WindowStart>(3),
                                                                0, 3);
  // The second page of the parent, once for each of its children.
  std::vector<std::uint32_t> first_rows;
  for (const cuda::PageVisit& visit : visits) {
    CHECK(visit.row_count == 1);
    if (visit.depth == 1) first_rows.push_back(visit.first_row);
  }
  CHECK(first_rows == std::vector<std::uint32_t>{0, 2});
}
