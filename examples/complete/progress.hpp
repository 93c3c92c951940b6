// SPDX-License-Identifier: Apache-2.0
#pragma once
// The display during generation: the text of the first candidate as it is streamed, then a progress
// bar for the others.

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

#include "tutti/tutti.hpp"

namespace complete {

class Progress {
 public:
  Progress(std::size_t candidates, std::size_t max_new_tokens)
      : running_(candidates),
        max_new_tokens_(max_new_tokens),
        terminal_(isatty(STDERR_FILENO) != 0) {}

  void show_event(const tutti::StreamEvent& event) {
    const bool is_first = event.expert == 0 && event.sample == 0;
    if (is_first) {
      std::printf("%.*s", static_cast<int>(event.text.size()), event.text.data());
      std::fflush(stdout);
    }
    if (event.token >= 0) step_ = std::max(step_, ++length_[{event.expert, event.sample}]);
    if (event.finish != tutti::FinishReason::running) {
      if (running_ > 0) --running_;  // a method may branch candidates
      if (is_first) std::printf("\n");
      first_ended_ = first_ended_ || is_first;
    }
    if (first_ended_ && terminal_) draw_bar();
  }

  ~Progress() {
    if (first_ended_ && terminal_) std::fprintf(stderr, "\r%70s\r", "");
  }

 private:
  void draw_bar() const {
    constexpr std::size_t kWidth = 30;
    const std::size_t filled = running_ == 0 ? kWidth : kWidth * step_ / max_new_tokens_;
    std::fprintf(stderr, "\r[%s%s] token %zu, %zu still running ", std::string(filled, '#').c_str(),
                 std::string(kWidth - filled, '.').c_str(), step_, running_);
  }

  std::size_t running_;
  std::size_t max_new_tokens_;
  bool terminal_;
  bool first_ended_ = false;
  std::size_t step_ = 0;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> length_;
};

}  // namespace complete
