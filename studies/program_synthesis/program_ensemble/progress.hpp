// SPDX-License-Identifier: Apache-2.0
#pragma once
// How far a set of problems is, on a terminal only.

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace program_ensemble {

class ProgressBar {
 public:
  explicit ProgressBar(std::size_t problems)
      : problems_(problems), terminal_(isatty(STDERR_FILENO) != 0) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { clear(); }

  void count(bool solved) {
    ++done_;
    solved_ += solved ? 1 : 0;
  }

  void draw() {
    if (!terminal_) return;
    constexpr std::size_t kWidth = 30;
    const std::size_t filled = kWidth * done_ / problems_;
    std::fprintf(stderr, "\r[%s%s] %zu of %zu problems, %zu solved ",
                 std::string(filled, '#').c_str(), std::string(kWidth - filled, '.').c_str(), done_,
                 problems_, solved_);
  }

  /// Leaves the line to what is shown next.
  void clear() {
    if (terminal_ && done_ > 0) std::fprintf(stderr, "\r%70s\r", "");
  }

 private:
  std::size_t problems_;
  bool terminal_;
  std::size_t done_ = 0;
  std::size_t solved_ = 0;
};

}  // namespace program_ensemble
