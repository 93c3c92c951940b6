// SPDX-License-Identifier: Apache-2.0
// The fragments of docs/embedding.md in one program: a thread that owns an ensemble, cancellation
// by a signal, processes that share weights, errors by kind, a scorer chosen by its name.
//
//   build/demo/examples/embedding [SCORER [EXPERT ...]]
//
// Prints the answers' tokens. Without experts it takes a tiny checkpoint and adapters of the tests,
// whose weights are random: numbers, not words.
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "tutti/tutti.hpp"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using Model = tutti::Transformer<tutti::Cpu>;
using Ensemble = tutti::Ensemble<std::dynamic_extent, Model, tutti::AnyScorer>;

/// Owns an ensemble and the only thread that uses it. Requests may come from any thread.
class Worker {
 public:
  explicit Worker(Ensemble ensemble)
      : ensemble_(std::move(ensemble)), thread_([this] { serve(); }) {}

  ~Worker() {
    stop_.request_stop();  // the running request ends after its current step
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  std::future<tutti::Result> submit(tutti::Request request) {
    request.stop = stop_.get_token();
    std::packaged_task<tutti::Result()> task(
        [this, request = std::move(request)] { return ensemble_.generate(request); });
    std::future<tutti::Result> result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result;  // get() returns the result or throws what generate threw
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return closing_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      std::packaged_task<tutti::Result()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  Ensemble ensemble_;
  tutti::StopSource stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<tutti::Result()>> tasks_;
  bool closing_ = false;
  std::thread thread_;  // last, so that it starts after the other members are initialized
};

/// Scorers by name: an application's configuration chooses one.
tutti::AnyScorer scorer_named(const std::string& name) {
  static const std::map<std::string, std::function<tutti::AnyScorer()>> scorers{
      {"mean-log-probability", [] { return tutti::MeanLogProbability{}; }},
      {"cross-expert-likelihood", [] { return tutti::CrossExpertLikelihood{}; }},
      {"shortest",
       [] {
         return tutti::AnyScorer(
             [](const tutti::Candidate& c) { return -static_cast<double>(c.tokens.size()); });
       }},
  };
  const auto found = scorers.find(name);
  if (found == scorers.end()) throw tutti::OptionError("no scorer is called \"" + name + "\"");
  return found->second();
}

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // so that a signal handler may set it

/// A request that ends when the user presses Ctrl+C.
tutti::Request interruptible(tutti::Request request, tutti::StopSource& stop) {
  std::signal(SIGINT, [](int) { interrupted = true; });
  request.stop = stop.get_token();
  request.stream = [&stop](const tutti::StreamEvent&) {
    if (interrupted) stop.request_stop();
  };
  return request;
}

/// Loads first, forks, and builds the ensemble in the child: the processes share the weights'
/// pages.
int answer_in_a_child(const tutti::Experts<tutti::Cpu>& experts, const tutti::Request& request) {
#if defined(_WIN32)
  return Ensemble(experts).generate(request).candidates.empty() ? 1 : 0;
#else
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      // The threads of the backend start here, in the process that uses them.
      code = Ensemble(experts).generate(request).candidates.empty() ? 1 : 0;
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
    }
    _exit(code);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return status;
#endif
}

void print(const tutti::Candidate& candidate) {
  std::cout << "expert " << candidate.expert << ":";
  for (const tutti::Token token : candidate.tokens) std::cout << ' ' << token;
  std::cout << " (" << tutti::finish_reason_name(candidate.finish) << ")\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string scorer = argc > 1 ? argv[1] : "cross-expert-likelihood";
  std::vector<std::filesystem::path> paths(argv + std::min(argc, 2), argv + argc);
  const std::filesystem::path data = "tests/data/transformer";
  if (paths.empty()) paths = {data / "llama", data / "lora_all", data / "lora_rs"};
  try {
    const auto experts = tutti::load_experts<tutti::Cpu>(paths);
    tutti::Request request;
    request.prompt_tokens = {3, 17, 42, 5};
    request.max_new_tokens = 8;
    std::cout << "child process: " << answer_in_a_child(experts, request) << '\n';

    tutti::CpuOptions cpu;
    cpu.threads = 2;
    tutti::StackOptions memory;
    memory.max_cache_bytes = std::size_t{256} << 20;
    memory.context_length = 128;
    Ensemble ensemble(tutti::ExpertStack(experts.models, cpu, memory), experts.codec(),
                      scorer_named(scorer));
    tutti::StopSource stop;
    print(ensemble.generate(interruptible(request, stop)).best());

    Worker worker(std::move(ensemble));
    std::future<tutti::Result> first = worker.submit(request);
    std::future<tutti::Result> second = worker.submit(request);
    print(first.get().best());
    print(second.get().best());
    return 0;
  } catch (const tutti::FormatError& error) {  // a file is missing, damaged, or not supported
    std::cerr << "model file: " << error.what() << '\n';
  } catch (const tutti::OptionError& error) {  // a request or option is out of range
    std::cerr << "option: " << error.what() << '\n';
  } catch (const tutti::Error& error) {  // every other error that tutti reports
    std::cerr << error.what() << '\n';
  } catch (const std::bad_alloc&) {
    std::cerr << "out of memory\n";
  }
  return 1;
}
