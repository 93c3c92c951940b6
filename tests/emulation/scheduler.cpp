// SPDX-License-Identifier: Apache-2.0
// Compiled without sanitizers, which would report the stack switches; they are informed explicitly
// (sanitizers.hpp).
#include "tests/emulation/scheduler.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulation/emulation.hpp"
#include "tests/emulation/fiber.hpp"
#include "tests/emulation/sanitizers.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace tutti::emulation {

namespace {

constexpr unsigned kWarp = 32;
constexpr std::size_t kStaticSharedBytes = 48 * 1024;
constexpr std::size_t kMaxVariables = 64;
constexpr std::size_t kRedZone = 64;
/// Unwritten memory, read as any floating-point type, is NaN.
constexpr int kUnwritten = 0xFF;

struct Block;

enum class State : std::uint8_t { finished, ready, at_barrier, in_collective };

struct Thread {
  Context context;
  Block* block = nullptr;
  unsigned index = 0;  ///< Within its block.
  uint3 position{};    ///< The same as threadIdx.
  State state = State::finished;
  Place place;                  ///< The operation in which it waits.
  unsigned mask = 0;            ///< Of the collective operation in which it waits.
  bool fenced = false;          ///< Whether it has executed a fence.
  void* last_atomic = nullptr;  ///< Address of its last atomic, ordered by its next fence.

  [[nodiscard]] unsigned lane() const { return index % kWarp; }
  [[nodiscard]] unsigned warp() const { return index / kWarp; }
};

/// Lanes of one warp that execute one collective operation.
struct Meeting {
  unsigned mask = 0;
  unsigned arrived = 0;
  Collective kind = Collective::synchronize;
  Place place;
  void* lanes[kWarp] = {};
};

struct Warp {
  unsigned live = 0;                    ///< Lanes that have not finished.
  std::array<Meeting, kWarp> meetings;  ///< The first `meeting_count` are in progress.
  std::size_t meeting_count = 0;
  char order = 0;  ///< Its address represents the ordering by __syncwarp.
};

struct SharedVariable {
  const void* key;
  char* memory;
};

struct FreeMemory {
  void operator()(char* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<char, FreeMemory>;

/// Unwritten shared memory, followed by a red zone.
Memory make_shared_memory(std::size_t bytes) {
  constexpr std::size_t kAlignment = 128;
  const std::size_t size = (bytes + kRedZone + kAlignment - 1) / kAlignment * kAlignment;
  Memory memory(static_cast<char*>(std::aligned_alloc(kAlignment, size)));
  std::memset(memory.get(), kUnwritten, size);
  return memory;
}

struct Block {
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<Warp> warps;
  uint3 index{};
  unsigned live = 0;
  unsigned at_barrier = 0;
  Place barrier_place;
  bool active = false;
  Memory dynamic_memory, static_memory;
  std::size_t dynamic_bytes = 0;
  std::size_t static_used = 0;   ///< Of static_memory, red zones included.
  std::size_t static_bytes = 0;  ///< Of the variables alone.
  std::vector<SharedVariable> variables;
  char order[2] = {};  ///< Their addresses represent the ordering by even and odd barriers.
  unsigned barriers = 0;
};

bool same_place(Place a, Place b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

std::string text_of(Place place) {
  const std::string file = place.file;
  return file.substr(file.find_last_of('/') + 1) + ":" + std::to_string(place.line);
}

/// The current kernel. There is one device, and it runs one kernel at a time.
struct Scheduler {
  std::vector<std::unique_ptr<Block>> blocks;
  // Nothing here may allocate or move memory while a thread runs: ThreadSanitizer would attribute
  // it to the thread.
  /// A ring of `ready_count` threads from `next_ready` on; its size is a power of two.
  std::vector<Thread*> ready;
  /// Shared memory of finished blocks, freed after the last access.
  std::vector<Memory> retired;
  std::size_t next_ready = 0, ready_count = 0;
  Thread* running = nullptr;
  Context host;
  Context* left = nullptr;  ///< The context that was left last.
  const std::function<void()>* body = nullptr;
  SharedBytes shared;  ///< Of each block.
  std::uint64_t random_state = 1;
  std::string failure;
  char kernel_order = 0;

  std::uint64_t random() {  // xorshift64 (Marsaglia 2003)
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
  }

  void make_ready(Thread& thread) {
    thread.state = State::ready;
    ready_at(ready_count++) = &thread;
  }

  [[nodiscard]] Thread*& ready_at(std::size_t i) {
    return ready[(next_ready + i) & (ready.size() - 1)];
  }

  Thread* take_ready() {
    const ThreadOrder order = options().order;
    if (order == ThreadOrder::random)
      std::swap(ready_at(random() % ready_count), ready_at(ready_count - 1));
    --ready_count;
    if (order != ThreadOrder::forward) return ready_at(ready_count);
    Thread* thread = ready[next_ready];
    next_ready = (next_ready + 1) & (ready.size() - 1);
    return thread;
  }

  /// Makes the next ready thread the running one and returns its context, to switch to.
  Context& next() {
    running = take_ready();
    threadIdx = running->position;
    blockIdx = running->block->index;
    return running->context;
  }

  /// Switches from a thread to the next one, or to the loop of run() if that is needed. Returns
  /// when the thread runs again.
  void suspend() {
    release(&kernel_order);  // the thread may never run again, if another one fails
    Thread& thread = *running;
    const bool waits = thread.state != State::finished &&
                       thread.block->at_barrier != thread.block->live;
    Context& to = waits && ready_count > 0 && failure.empty() ? next() : host;
    left = &thread.context;
    if (&to != left) switch_context(thread.context, to);
  }

  /// Ends the kernel with the message that `make` returns. The thread's stack is abandoned.
  template <class Make>
  [[noreturn]] void fail(Make make) {
    if (failure.empty()) failure = make();
    for (;;) suspend();
  }

  void start(Block& block, std::size_t number, dim3 grid, dim3 shape);
  void finish(Block& block);
  void release_barrier(Block& block);
  void clean_up();
  [[nodiscard]] std::string report_waiting() const;
  void run(dim3 grid, dim3 shape);
};

Scheduler& scheduler() {
  static auto* const instance =
      new Scheduler;  // never destroyed: its stacks are in use until the program ends
  return *instance;
}

void thread_main() {
  Scheduler& s = scheduler();
  entered_new_stack(*s.left);
  for (;;) {
    Thread& thread = *s.running;
    acquire(&thread.block->order[0]);
    (*s.body)();
    thread.state = State::finished;
    s.suspend();
  }
}

void Scheduler::start(Block& block, std::size_t number, dim3 grid, dim3 shape) {
  const unsigned threads = shape.x * shape.y * shape.z;
  block.index = {static_cast<unsigned>(number % grid.x),
                 static_cast<unsigned>(number / grid.x % grid.y),
                 static_cast<unsigned>(number / (std::size_t{grid.x} * grid.y))};
  block.live = threads;
  block.at_barrier = block.barriers = 0;
  block.active = true;
  block.dynamic_bytes = shared.dynamic_bytes;
  block.static_used = block.static_bytes = 0;
  block.variables.clear();
  block.variables.reserve(kMaxVariables);
  block.dynamic_memory = make_shared_memory(shared.dynamic_bytes);
  block.static_memory = make_shared_memory(kStaticSharedBytes);
  poison(block.dynamic_memory.get() + shared.dynamic_bytes, kRedZone);
  poison(block.static_memory.get(), kStaticSharedBytes + kRedZone);
  block.warps.assign((threads + kWarp - 1) / kWarp, Warp{});
  release(&block.order[0]);
  while (block.threads.size() < threads) {
    block.threads.push_back(std::make_unique<Thread>());
    create_context(block.threads.back()->context, thread_main);
  }
  for (unsigned i = 0; i < threads; ++i) {
    Thread& thread = *block.threads[i];
    if (under_thread_sanitizer() && options().distinct_threads)
      reset_context(thread.context, thread_main);
    thread.block = &block;
    thread.index = i;
    thread.position = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    thread.fenced = false;
    thread.last_atomic = nullptr;
    block.warps[i / kWarp].live |= 1U << i % kWarp;
    make_ready(thread);
  }
}

void Scheduler::finish(Block& block) {
  block.active = false;
  unpoison(block.dynamic_memory.get(), block.dynamic_bytes + kRedZone);
  unpoison(block.static_memory.get(), kStaticSharedBytes + kRedZone);
  retired.push_back(std::move(block.dynamic_memory));
  retired.push_back(std::move(block.static_memory));
}

void Scheduler::release_barrier(Block& block) {
  block.at_barrier = 0;
  ++block.barriers;
  for (const auto& thread : block.threads) {
    if (thread->state == State::at_barrier) make_ready(*thread);
  }
}

std::string Scheduler::report_waiting() const {
  std::map<std::string, unsigned> counts;
  for (const auto& block : blocks) {
    if (!block->active) continue;
    for (const auto& thread : block->threads) {
      if (thread->block != block.get()) continue;
      std::ostringstream line;
      if (thread->state == State::at_barrier) {
        line << "at __syncthreads, " << text_of(thread->place);
      } else if (thread->state == State::in_collective) {
        line << "in a warp's operation with mask " << std::hex << thread->mask << " (live lanes "
             << block->warps[thread->warp()].live << "), " << text_of(thread->place);
      } else {
        line << "finished";
      }
      ++counts[line.str()];
    }
  }
  std::string report = "threads deadlock:";
  for (const auto& [line, count] : counts) report += " " + std::to_string(count) + " " + line + ";";
  return report;
}

/// After a failure: abandons all threads.
void Scheduler::clean_up() {
  next_ready = ready_count = 0;
  for (const auto& block : blocks) {
    for (const auto& thread : block->threads) {
      if (thread->state == State::finished) continue;
      thread->state = State::finished;
      reset_context(thread->context, thread_main);
    }
    if (block->active) finish(*block);
  }
  retired.clear();
}

void Scheduler::run(dim3 grid, dim3 shape) {
  const unsigned threads = shape.x * shape.y * shape.z;
  const std::size_t total = std::size_t{grid.x} * grid.y * grid.z;
  const std::size_t resident = std::min(std::max<std::size_t>(1, options().resident_blocks), total);
  while (blocks.size() < resident) blocks.push_back(std::make_unique<Block>());
  ready.resize(std::max(ready.size(), std::bit_ceil(resident * threads)));
  next_ready = 0;
  random_state = options().seed * 0x9E3779B97F4A7C15U | 1U;
  for (int i = 0; i < 8; ++i) (void)random();
  if (under_thread_sanitizer()) host.tsan_thread = __tsan_get_current_fiber();
  std::vector<std::size_t> order(total);
  for (std::size_t i = 0; i < total; ++i)
    order[i] = options().order == ThreadOrder::reverse ? total - 1 - i : i;
  for (std::size_t i = total; options().order == ThreadOrder::random && i-- > 1;)
    std::swap(order[i], order[random() % (i + 1)]);

  std::size_t begun = 0, done = 0;
  while (begun < resident) {
    start(*blocks[begun], order[begun], grid, shape);
    ++begun;
  }
  while (done < total && failure.empty()) {
    if (ready_count == 0) {
      failure = report_waiting();
      break;
    }
    Context& to = next();
    left = &host;
    switch_context(host, to);
    if (!failure.empty()) break;
    Block& block = *running->block;
    if (running->state == State::finished) {
      --block.live;
      block.warps[running->warp()].live &= ~(1U << running->lane());
      if (block.live == 0) {
        finish(block);
        ++done;
        if (begun < total) start(block, order[begun++], grid, shape);
        continue;
      }
    }
    if (block.at_barrier > 0 && block.at_barrier == block.live) {
      if (block.live != threads) {
        failure = "__syncthreads at " + text_of(block.barrier_place) + " is reached by " +
                  std::to_string(block.live) + " of " + std::to_string(threads) +
                  " threads; the others have finished";
        break;
      }
      release_barrier(block);
    }
  }
  running = nullptr;
  acquire(&kernel_order);
  if (failure.empty()) retired.clear();
}

/// Rounds toward zero, as tensor cores do (Fasi et al. 2021, "Numerical behavior of NVIDIA tensor
/// cores").
float truncate(double value) {
  const auto nearest = static_cast<float>(value);
  return std::fabs(static_cast<double>(nearest)) > std::fabs(value) ? std::nextafter(nearest, 0.0F)
                                                                    : nearest;
}

/// D = A B + C with the fragment layouts of the PTX manual ("Matrix Fragments for mma.m16n8k16" and
/// "... m16n8k8"). Products are exact in double, sums nearly.
void multiply_fragments(const Meeting& meeting) {
  const bool bf16 = meeting.kind == Collective::mma_bf16;
  const unsigned depth = bf16 ? 16 : 8,
                 packed = bf16 ? 2 : 1;  // numbers along k, and per register
  float a[16][16], b[16][8];
  double sums[16][8];
  const auto number = [&](std::uint32_t bits, unsigned place) {
    return std::bit_cast<float>(bf16 ? (place == 0 ? bits << 16 : bits & 0xFFFF0000U)
                                     : bits & 0xFFFFE000U);
  };
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    const auto* from = static_cast<const LaneFragments*>(meeting.lanes[lane]);
    const unsigned group = lane / 4, k = lane % 4 * packed;
    for (unsigned i = 0; i < 4; ++i) {
      for (unsigned p = 0; p < packed; ++p)
        a[group + i % 2 * 8][k + p + i / 2 * depth / 2] = number(from->a[i], p);
      sums[group + i / 2 * 8][lane % 4 * 2 + i % 2] = static_cast<double>(from->c[i]);
    }
    for (unsigned i = 0; i < 2; ++i) {
      for (unsigned p = 0; p < packed; ++p) b[k + p + i * depth / 2][group] = number(from->b[i], p);
    }
  }
  for (unsigned row = 0; row < 16; ++row) {
    for (unsigned k = 0; k < depth; ++k) {
      for (unsigned column = 0; column < 8; ++column) {
        sums[row][column] += static_cast<double>(a[row][k]) * static_cast<double>(b[k][column]);
      }
    }
  }
  for (unsigned lane = 0; lane < kWarp; ++lane) {
    float* c = static_cast<const LaneFragments*>(meeting.lanes[lane])->c;
    for (unsigned i = 0; i < 4; ++i)
      c[i] = truncate(sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
  }
}

/// Computes the result of every lane of a completed collective, or sets `failure`.
bool complete(Meeting& meeting, std::string& failure) {
  if (meeting.kind == Collective::synchronize) return true;
  if (meeting.kind == Collective::mma_bf16 || meeting.kind == Collective::mma_tf32) {
    if (meeting.mask != ~0U) {
      failure = "mma needs all lanes of a warp, at " + text_of(meeting.place);
      return false;
    }
    multiply_fragments(meeting);
    return true;
  }
  const auto lane_value = [&](unsigned lane) {
    return static_cast<LaneValue*>(meeting.lanes[lane]);
  };
  std::uint64_t ballot = 0;
  if (meeting.kind == Collective::ballot) {
    for (unsigned rest = meeting.mask; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      if (lane_value(lane)->in != 0) ballot |= 1ULL << lane;
    }
  }
  for (unsigned rest = meeting.mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    LaneValue& value = *lane_value(lane);
    const auto argument = static_cast<unsigned>(value.argument);
    unsigned source = lane;
    switch (meeting.kind) {
      case Collective::shuffle: source = argument % kWarp; break;
      case Collective::shuffle_down:
        source = lane + argument < kWarp ? lane + argument : lane;
        break;
      case Collective::shuffle_xor: source = (lane ^ argument) % kWarp; break;
      default: break;
    }
    if ((meeting.mask >> source & 1) == 0) {
      failure = "lane " + std::to_string(lane) + " reads lane " + std::to_string(source) +
                " outside its mask, at " + text_of(meeting.place);
      return false;
    }
    value.out = meeting.kind == Collective::ballot ? ballot : lane_value(source)->in;
  }
  return true;
}

}  // namespace

void run_kernel(dim3 grid, dim3 block, SharedBytes shared, const std::function<void()>& body) {
  Scheduler& s = scheduler();
  blockDim = block;
  gridDim = grid;
  s.body = &body;
  s.shared = shared;
  s.run(grid, block);
  if (s.failure.empty()) return;
  const std::string failure = std::exchange(s.failure, {});
  s.clean_up();
  throw EmulationError(failure);
}

void block_barrier(Place place) {
  Scheduler& s = scheduler();
  Thread& thread = *s.running;
  Block& block = *thread.block;
  if (block.at_barrier == 0) block.barrier_place = place;
  if (!same_place(block.barrier_place, place)) {
    s.fail([&] {
      return "threads of one block meet at different barriers, " + text_of(block.barrier_place) +
             " and " + text_of(place);
    });
  }
  // All threads pass a barrier before any reaches the second one after it.
  char* order = &block.order[block.barriers % 2];
  release(order);
  ++block.at_barrier;
  thread.state = State::at_barrier;
  thread.place = place;
  s.suspend();
  acquire(order);
}

void warp_collective(unsigned mask, Collective kind, void* lane, Place place) {
  Scheduler& s = scheduler();
  Thread& thread = *s.running;
  Warp& warp = thread.block->warps[thread.warp()];
  if ((mask >> thread.lane() & 1) == 0) {
    s.fail([&] {
      return "lane " + std::to_string(thread.lane()) + " is not in the mask that it passes, at " +
             text_of(place);
    });
  }
  if ((mask & ~warp.live) != 0)
    s.fail([&] {
      return "a mask names lanes that have finished or never were, at " + text_of(place);
    });
  const auto end = warp.meetings.begin() + static_cast<std::ptrdiff_t>(warp.meeting_count);
  const auto found = std::find_if(warp.meetings.begin(), end,
                                  [&](const Meeting& m) { return m.mask == mask; });
  if (found == end) {  // each lane is in at most one collective, so there is room
    ++warp.meeting_count;
    found->arrived = 0;
    found->mask = mask;
    found->kind = kind;
    found->place = place;
  }
  if (found->kind != kind || !same_place(found->place, place)) {
    s.fail([&] {
      return "lanes of one warp meet at different operations, " + text_of(found->place) + " and " +
             text_of(place);
    });
  }
  // Only __syncwarp orders memory; a shuffle only moves a value.
  if (kind == Collective::synchronize) release(&warp.order);
  found->lanes[thread.lane()] = lane;
  found->arrived |= 1U << thread.lane();
  if (found->arrived == mask) {
    if (!complete(*found, s.failure)) s.fail([&] { return s.failure; });
    if (Meeting& last = warp.meetings[--warp.meeting_count]; found != &last) *found = last;
    const std::unique_ptr<Thread>* lanes =
        &thread.block->threads[std::size_t{thread.warp()} * kWarp];
    for (unsigned rest = mask & ~(1U << thread.lane()); rest != 0; rest &= rest - 1)
      s.make_ready(*lanes[std::countr_zero(rest)]);
    s.make_ready(thread);
  } else {
    thread.state = State::in_collective;
    thread.place = place;
    thread.mask = mask;
  }
  s.suspend();
  if (kind == Collective::synchronize) acquire(&warp.order);
}

// As in the memory model of PTX: what precedes a thread's fence and atomic operation is visible to
// what follows another thread's later atomic operation on the same address and its fence.
void fence() {
  Thread& thread = *scheduler().running;
  if (thread.last_atomic != nullptr) acquire(thread.last_atomic);
  thread.last_atomic = nullptr;
  thread.fenced = true;
}

void before_atomic(void* address) {
  Scheduler& s = scheduler();
  if (s.running == nullptr) return;
  if (s.running->fenced) release(address);
  s.running->last_atomic = address;
  if (options().order == ThreadOrder::random && s.random() % 4 == 0) {
    s.make_ready(*s.running);
    s.suspend();
  }
}

void* dynamic_shared() { return scheduler().running->block->dynamic_memory.get(); }

void* static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  Scheduler& s = scheduler();
  Block& block = *s.running->block;
  for (const SharedVariable& variable : block.variables) {
    if (variable.key == key) return variable.memory;
  }
  const std::size_t unit = std::max<std::size_t>(alignment, 16);
  const std::size_t begin = (block.static_used + unit - 1) / unit * unit;
  if (begin + bytes > kStaticSharedBytes || block.variables.size() == kMaxVariables) {
    s.fail([] {
      return "a block has more than " + std::to_string(kMaxVariables) +
             " shared variables, or they take more than " + std::to_string(kStaticSharedBytes) +
             " bytes";
    });
  }
  block.static_used = begin + bytes + kRedZone;
  block.static_bytes = (block.static_bytes + alignment - 1) / alignment * alignment + bytes;
  if (block.static_bytes > s.shared.static_bytes) {
    s.fail([&] {
      return "a kernel has " + std::to_string(s.shared.static_bytes) +
             " bytes of static shared memory by TUTTI_STATIC_SHARED, but uses " +
             std::to_string(block.static_bytes);
    });
  }
  char* memory = block.static_memory.get() + begin;
  unpoison(memory, bytes);
  block.variables.push_back({key, memory});
  return memory;
}

}  // namespace tutti::emulation
