// SPDX-License-Identifier: Apache-2.0
// The kernels that advance the rows of a generation, on handwritten states.
#include "tutti/backend/cuda/kernels/decode.cuh"

#include <vector>

#include "tests/backend/cuda/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

using Counts = std::vector<std::uint32_t>;

/// The arrays of a DecodeState on the host.
struct Arrays {
  std::vector<Row> rows;
  std::vector<DrawKey> keys;
  Counts running, wanted;
  std::vector<PageSpan> span_limits;
  Counts span_begin;
  Counts windows = {0};
  std::vector<cuda::DeviceGroup> groups;
  std::vector<Token> end_tokens;
  std::vector<DrawnToken> drawn;
  std::uint32_t step = 0, vocabulary = 0, history_stride = 0, last_n = 0;
  Counts said;
  std::vector<Token> history;
  // Written by the kernel.
  std::vector<PageSlot> slots;
  std::vector<PageSpan> spans;
  std::vector<std::vector<WindowStart>> starts;
  std::vector<DrawnToken> results;
};

template <class T>
void read_back(std::vector<T>& values, const cuda::DeviceArray<T>& array,
               const cuda::Stream& stream) {
  cuda::PinnedArray<T> host;
  host.download(array, array.size(), stream);
  stream.wait();
  values.assign(host.data(), host.data() + array.size());
}

enum class Kernel { count_said, place, after_step };

void run(Arrays& a, Kernel kernel) {
  const cuda::Stream stream;
  const std::size_t count = a.rows.size();
  if (a.keys.empty()) a.keys.resize(count);
  if (a.wanted.empty()) a.wanted.assign(count, 1);
  if (a.drawn.empty()) a.drawn.resize(count);
  auto rows = on_device(a.rows, stream);
  auto keys = on_device(a.keys, stream);
  auto running = on_device(a.running, stream), said = on_device(a.said, stream);
  auto history = on_device(a.history, stream);
  auto groups = on_device(a.groups, stream);
  auto step = on_device(Counts{a.step}, stream);
  const auto wanted = on_device(a.wanted, stream), begin = on_device(a.span_begin, stream);
  const auto limits = on_device(a.span_limits, stream);
  const auto all_groups = on_device(a.groups, stream);
  const auto ends = on_device(a.end_tokens, stream);
  const auto drawn = on_device(a.drawn, stream);
  auto slots = on_device(std::vector<PageSlot>(count, {77, 7}), stream);  // left by earlier steps
  cuda::DeviceArray<PageSpan> spans(a.span_limits.size(), stream);
  cuda::DeviceArray<DrawnToken> results(count * (a.step + 1), stream);
  results.set_zero(stream);
  std::vector<cuda::DeviceArray<WindowStart>> starts;
  cuda::DecodeState state;
  for (const std::uint32_t window : a.windows) {
    starts.emplace_back(count, stream);
    state.windows[state.window_count++] = {window, starts.back().data()};
  }
  state.row_count = static_cast<std::uint32_t>(count);
  state.group_count = static_cast<std::uint32_t>(a.groups.size());
  state.end_count = static_cast<std::uint32_t>(a.end_tokens.size());
  state.rows = rows.data(), state.keys = keys.data(), state.running = running.data();
  state.wanted = wanted.data(), state.slots = slots.data(), state.spans = spans.data();
  state.span_limits = limits.data(), state.span_begin = begin.data();
  state.groups = groups.data(), state.all_groups = all_groups.data();
  state.end_tokens = ends.data(), state.drawn = drawn.data(), state.results = results.data();
  state.step = step.data(), state.said = a.said.empty() ? nullptr : said.data();
  state.history = history.data(), state.vocabulary = a.vocabulary;
  state.history_stride = a.history_stride, state.last_n = a.last_n;
  const dim3 block(cuda::kRowThreads);
  if (kernel == Kernel::count_said) {
    cuda::launch({dim3(state.row_count), block}, stream.get(),
                 cuda::count_said_kernel<cuda::kRowThreads>, state);
  } else {
    cuda::launch({dim3(1), block}, stream.get(), cuda::advance_kernel<cuda::kRowThreads>, state,
                 kernel == Kernel::after_step);
  }
  read_back(a.rows, rows, stream);
  read_back(a.keys, keys, stream);
  read_back(a.running, running, stream);
  read_back(a.slots, slots, stream);
  read_back(a.spans, spans, stream);
  read_back(a.groups, groups, stream);
  read_back(a.results, results, stream);
  read_back(a.said, said, stream);
  read_back(a.history, history, stream);
  Counts next;
  read_back(next, step, stream);
  a.step = next[0];
  a.starts.resize(starts.size());
  for (std::size_t w = 0; w < starts.size(); ++w) read_back(a.starts[w], starts[w], stream);
}

bool operator==(const PageSlot& a, const PageSlot& b) {
  return a.page == b.page && a.offset == b.offset;
}

/// One row at `position`: a prompt of 20 positions in page 3, then pages 5 and 9.
Arrays row_at(std::uint32_t position) {
  Arrays a;
  a.rows = {{0, 0, position, 1}};
  a.running = {1};
  a.span_limits = {{3, 20}, {5, 64}, {9, 6}};
  a.span_begin = {0, 3};
  return a;
}

}  // namespace

TEST_CASE("A row sees all pages up to its position, and is stored at the last place",
          "[cuda][kernel]") {
  struct Expected {
    std::uint32_t position;
    Counts counts;
    PageSlot slot;
  };
  for (const Expected& expected :
       {Expected{0, {1, 0, 0}, {3, 0}}, Expected{19, {20, 0, 0}, {3, 19}},
        Expected{20, {20, 1, 0}, {5, 0}}, Expected{83, {20, 64, 0}, {5, 63}},
        Expected{84, {20, 64, 1}, {9, 0}}}) {
    CAPTURE(expected.position);
    Arrays a = row_at(expected.position);
    run(a, Kernel::place);
    for (std::size_t s = 0; s < 3; ++s) {
      CHECK(a.spans[s].page == a.span_limits[s].page);
      CHECK(a.spans[s].count == expected.counts[s]);
    }
    CHECK((a.slots[0] == expected.slot));
  }
}

TEST_CASE("The window of a row starts that many positions before its end", "[cuda][kernel]") {
  // Positions 0 to 19 are those of the first page, 20 to 83 of the second.
  struct Expected {
    std::uint32_t position, window, span, in_span;
  };
  for (const Expected& expected :
       {Expected{38, 40, 0, 0}, Expected{39, 40, 0, 0}, Expected{40, 40, 0, 1},
        Expected{58, 40, 0, 19}, Expected{59, 40, 1, 0}, Expected{60, 40, 1, 1},
        Expected{83, 1, 1, 63}, Expected{84, 1, 2, 0}, Expected{84, 2, 1, 63},
        Expected{84, 1000, 0, 0}, Expected{84, 0, 0, 0}}) {
    CAPTURE(expected.position, expected.window);
    Arrays a = row_at(expected.position);
    a.windows = {0, expected.window};
    run(a, Kernel::place);
    CHECK((a.starts[0][0].span == 0 && a.starts[0][0].position == 0));
    CHECK(a.starts[1][0].span == expected.span);
    CHECK(a.starts[1][0].position == expected.in_span);
    // Equal to the host's result for the same pages.
    std::vector<PageSpan> seen;
    for (const PageSpan& span : a.spans) {
      if (span.count > 0) seen.push_back(span);
    }
    const WindowStart host = window_start(seen, expected.window);
    CHECK((host.span == expected.span && host.position == expected.in_span));
  }
}

TEST_CASE("A draw becomes the row's next token, one position on, and is written to its step",
          "[cuda][kernel]") {
  Arrays a;
  a.rows = {{0, 0, 4, 1}, {0, 1, 7, 1}, {1, 2, 9, 1}};
  a.keys = {{1, 2, 0, 0, 5}, {1, 2, 0, 1, 8}, {1, 2, 1, 0, 10}};
  a.running = {1, 1, 0};
  a.drawn = {{11, -0.5F}, {12, -0.25F}, {13, -1.0F}};
  a.span_limits = {{0, 64}, {1, 64}, {2, 64}};
  a.span_begin = {0, 1, 2, 3};
  a.end_tokens = {99, 12};
  a.groups = {{0, 0, 2}, {1, 2, 1}};
  a.step = 2;
  run(a, Kernel::after_step);
  CHECK(a.step == 3);
  CHECK((a.rows[0].token == 11 && a.rows[0].position == 5 && a.keys[0].position == 6));
  CHECK((a.results[6].token == 11 && a.results[6].log_probability == -0.5F));
  // The second row draws an end token, which is returned but not used as input.
  CHECK((a.results[7].token == 12 && a.results[7].log_probability == -0.25F));
  CHECK((a.rows[1].token == 1 && a.rows[1].position == 7 && a.keys[1].position == 8));
  // The third one has ended before.
  CHECK(a.results[8].token == DrawnToken::kEnded);
  CHECK((a.rows[2].position == 9 && a.keys[2].position == 10));
  CHECK(a.running == Counts{1, 0, 0});
}

TEST_CASE("A row that has ended, by itself or for the host, sees nothing and stores nothing",
          "[cuda][kernel]") {
  Arrays a;
  a.rows = {{0, 0, 4, 1}, {0, 1, 7, 1}, {0, 2, 9, 1}};
  a.running = {1, 0, 1};
  a.wanted = {1, 1, 0};
  a.span_limits = {{0, 64}, {1, 64}, {2, 64}};
  a.span_begin = {0, 1, 2, 3};
  a.groups = {{0, 0, 3}};
  run(a, Kernel::place);
  CHECK(a.running == Counts{1, 0, 0});
  CHECK((a.slots[0] == PageSlot{0, 4}));
  CHECK(a.slots[1].page == cuda::kNoPage);
  CHECK(a.slots[2].page == cuda::kNoPage);
  CHECK((a.spans[0].count == 5 && a.spans[1].count == 0 && a.spans[2].count == 0));
  CHECK((a.groups[0].first == 0 && a.groups[0].count == 1));
}

TEST_CASE("Groups lose the rows at their ends that have ended", "[cuda][kernel]") {
  Arrays a;
  a.rows = {{0, 0, 1, 1}, {0, 1, 1, 1}, {0, 2, 1, 1}, {1, 3, 1, 1}, {1, 4, 1, 1}};
  a.running = {0, 1, 0, 0, 0};
  a.span_limits = {{0, 64}, {1, 64}, {2, 64}, {3, 64}, {4, 64}};
  a.span_begin = {0, 1, 2, 3, 4, 5};
  a.groups = {{0, 0, 3}, {1, 3, 2}, {0, 0, 5}};
  run(a, Kernel::place);
  CHECK((a.groups[0].expert == 0 && a.groups[0].first == 1 && a.groups[0].count == 1));
  CHECK((a.groups[1].expert == 1 && a.groups[1].count == 0));
  CHECK((a.groups[2].expert == 0 && a.groups[2].first == 1 && a.groups[2].count == 1));
}

TEST_CASE("Penalties count the last tokens of each row's own history, and forget earlier ones",
          "[cuda][kernel]") {
  Arrays a;
  a.vocabulary = 6, a.history_stride = 8, a.last_n = 3;
  // Five tokens and two: the second history is shorter than the window.
  a.rows = {{0, 0, 4, 2}, {0, 1, 1, 5}};
  a.history = {1, 2, 4, 2, 2, 0, 0, 0, /**/ 3, 5, 0, 0, 0, 0, 0, 0};
  a.said.assign(12, 0);
  a.running = {1, 1};
  a.span_limits = {{0, 64}, {1, 64}};
  a.span_begin = {0, 1, 2};
  run(a, Kernel::count_said);
  CHECK(a.said == Counts{0, 0, 2, 0, 1, 0, /**/ 0, 0, 0, 1, 0, 1});
  a.drawn = {{5, 0.0F}, {3, 0.0F}};
  run(a, Kernel::after_step);  // 2, 2, 5 and 3, 5, 3
  CHECK(a.said == Counts{0, 0, 2, 0, 0, 1, /**/ 0, 0, 0, 2, 0, 1});
  a.drawn = {{0, 0.0F}, {0, 0.0F}};
  a.step = 0;
  run(a, Kernel::after_step);  // 2, 5, 0 and 5, 3, 0
  CHECK(a.said == Counts{1, 0, 1, 0, 0, 1, /**/ 1, 0, 0, 1, 0, 1});
  CHECK((a.history[5] == 5 && a.history[6] == 0 && a.history[8 + 2] == 3));
}
