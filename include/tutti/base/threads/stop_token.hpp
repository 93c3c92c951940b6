// SPDX-License-Identifier: Apache-2.0
#pragma once
// The stop tokens of requests: std::stop_token and std::stop_source where the standard library has
// them, else (libc++ before version 20) types with the part of their interface that tutti uses.

#include <version>

#if defined(__cpp_lib_jthread)

#include <stop_token>

namespace tutti {

using StopToken = std::stop_token;
using StopSource = std::stop_source;

}  // namespace tutti

#else

#include <atomic>
#include <memory>
#include <utility>

namespace tutti {

/// Asks whether a StopSource has requested a stop. Without a source, none is possible. Safe to use
/// from several threads.
class StopToken {
 public:
  StopToken() = default;
  [[nodiscard]] bool stop_requested() const noexcept {
    return state_ != nullptr && state_->load(std::memory_order_acquire);
  }
  /// Unlike std::stop_token this stays true after the last source is gone.
  [[nodiscard]] bool stop_possible() const noexcept { return state_ != nullptr; }
  [[nodiscard]] friend bool operator==(const StopToken&, const StopToken&) = default;

 private:
  friend class StopSource;
  explicit StopToken(std::shared_ptr<const std::atomic<bool>> state) : state_(std::move(state)) {}
  std::shared_ptr<const std::atomic<bool>> state_;
};

/// Requests a stop of all that hold its token. Copies share one state.
class StopSource {
 public:
  StopSource() : state_(std::make_shared<std::atomic<bool>>(false)) {}
  [[nodiscard]] StopToken get_token() const noexcept { return StopToken(state_); }
  /// Returns whether this call was the first.
  bool request_stop() noexcept { return !state_->exchange(true, std::memory_order_acq_rel); }
  [[nodiscard]] bool stop_requested() const noexcept { return get_token().stop_requested(); }
  [[nodiscard]] bool stop_possible() const noexcept { return true; }

 private:
  std::shared_ptr<std::atomic<bool>> state_;
};

}  // namespace tutti

#endif
