// SPDX-License-Identifier: Apache-2.0
#pragma once
// The engine behind its interface: the sessions of all requests and the step that advances them.

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/engine/detail/session_state.hpp"
#include "tutti/engine/engine_options.hpp"
#include "tutti/engine/model_runner.hpp"
#include "tutti/text/text_codec.hpp"

namespace tutti::detail::inline TUTTI_ABI {

/// Rows of one sequence in a step.
struct RowBlock {
  SessionState* session = nullptr;
  std::uint32_t expert = 0;
  SequenceId sequence = 0;
  std::size_t first = 0;  ///< Position of the first row.
  std::span<const Token> tokens;
  std::size_t* output = nullptr;  ///< Gets the row of logits of the last token.
  ScoreItem* score = nullptr;
  enum class Kind : std::uint8_t { decode, prompt, recompute, score } kind = Kind::decode;
};

class EngineState {
 public:
  EngineState(std::unique_ptr<ModelRunner> runner, TextCodec codec, EngineOptions options);
  ~EngineState();
  EngineState(const EngineState&) = delete;
  EngineState& operator=(const EngineState&) = delete;

  // Called by any thread.
  Future<Result> submit(Request request, Method method, std::size_t answer);
  /// @returns whether anything is left to do.
  bool step();
  void start();
  void stop();
  [[nodiscard]] EngineStats stats() const;
  void release_memory();

  // Called by sessions, in the thread that steps.
  [[nodiscard]] ModelRunner& runner() { return *runner_; }
  [[nodiscard]] const TextCodec& codec() const { return codec_; }
  [[nodiscard]] const EngineOptions& options() const { return options_; }
  [[nodiscard]] std::vector<Token> prepare(const Request& request, std::size_t answer) const;
  void add_child(SessionState& parent, Request request, Method method,
                 OperationOf<Result>* operation);
  std::size_t add_writer(SessionState& state, std::vector<std::uint32_t> experts,
                         std::uint32_t expert, std::span<const Token> end_tokens);
  WriteGroup& add_group(SessionState& state, Operation* operation, std::vector<std::size_t> active,
                        const Until& until);
  void share_beginning(SessionState& state, std::size_t source, std::size_t branch);
  void want_prompt(SessionState& state, std::uint32_t expert);
  void release(Writer& writer);
  void finish(Operation& operation);
  [[nodiscard]] bool stop_requested(const SessionState& state) const;

  [[nodiscard]] PromptState& prompt_of(SessionState& state, std::uint32_t expert) const {
    return state.prompts[runner_->representative(expert)];
  }

 private:
  struct Draw {
    SessionState* session = nullptr;
    WriteGroup* group = nullptr;
    std::size_t candidate = 0;
    std::span<const float> logits;
    DrawnToken drawn;
    std::exception_ptr error;
  };

  /// What a step computes.
  struct Plan {
    std::vector<RowBlock> blocks;
    std::size_t rows = 0;
    std::size_t pages = 0;
  };

  void refuse_reentry() const;
  void end_thread();
  void admit();
  void end_at_limits();
  bool end_at_limit(SessionState& state, WriteGroup& group);
  void run_ready();
  void end_sessions();
  void end_session(SessionState& state);
  [[nodiscard]] bool waits_for_nothing(const SessionState& state) const;
  void fail_all(const std::exception_ptr& error);
  void release_all(SessionState& state);

  void plan_decoding(Plan& plan);
  void plan_prefill(Plan& plan);
  [[nodiscard]] bool computed_by_other(const SessionState& state, std::uint32_t e) const;
  void plan_group(Plan& plan, SessionState& state, WriteGroup& group, bool alone);
  void plan_first(Plan& plan);
  void make_room_at_any_cost(SessionState& state, const WriteGroup* group);
  bool make_room(const Plan& plan, std::size_t pages, const SessionState& state);
  void add_rows(Plan& plan, SessionState& state, const WriteGroup* group, RowBlock block);
  void release_waiting(SessionState& state, const WriteGroup* group);
  [[nodiscard]] std::string message_of_full_cache(std::size_t pages) const;
  void plan_score(Plan& plan, SessionState& state, ScoreBatch& batch);
  [[nodiscard]] bool caught_up(const Writer& writer) const;
  bool fork_prompt(SessionState& state, Writer& writer);
  [[nodiscard]] bool resident(const SessionState& state, const PromptState& prompt) const;
  [[nodiscard]] bool needs_prompt(const SessionState& state, std::uint32_t e) const;
  [[nodiscard]] std::optional<SequenceId> open(const Plan& plan, std::uint32_t expert,
                                               std::span<const Token> tokens);
  [[nodiscard]] std::size_t pages_left() const;
  [[nodiscard]] std::size_t pages_to_append(SequenceId sequence, std::size_t count) const;

  void compute(Plan& plan);
  void charge(const Plan& plan);
  void keep_prompts(const Plan& plan, MatrixView<const float> logits);
  void finish_prompt_waits();
  void draw(MatrixView<const float> logits);
  void draw_tokens(std::vector<Draw>& draws);
  void take_tokens(std::span<const Draw> draws);
  [[nodiscard]] static std::exception_ptr draw_error(const CandidateWriter& writer,
                                                     std::string_view why);
  void append_token(SessionState& state, WriteGroup& group, std::size_t candidate,
                    const DrawnToken& drawn);
  void end_stage(SessionState& state, WriteGroup& group, std::size_t candidate);
  [[nodiscard]] bool pauses(const SessionState& state, const WriteGroup& group,
                            std::size_t candidate) const;
  void finish_scores();

  bool decode_on_device();
  void leave_device();
  void keep_device_tokens(const Writer& writer);
  [[nodiscard]] std::vector<Token> end_tokens_of_all(const SessionState& state,
                                                     const WriteGroup& group) const;

  std::unique_ptr<ModelRunner> runner_;
  TextCodec codec_;
  EngineOptions options_;

  mutable std::mutex inbox_mutex_;
  std::condition_variable inbox_changed_;
  std::deque<std::unique_ptr<SessionState>> inbox_;
  std::uint64_t submitted_ = 0;
  bool stopping_ = false;
  std::thread thread_;

  std::mutex step_mutex_;
  std::atomic<std::thread::id> stepping_{};
  std::vector<std::unique_ptr<SessionState>> sessions_;  ///< In the order of service.
  std::vector<std::unique_ptr<SessionState>> new_children_;
  std::deque<std::coroutine_handle<>> ready_;
  std::uint64_t passes_ = 0;
  std::vector<SamplerScratch> scratch_;
  std::vector<std::vector<float>> fused_;
  /// The group that decodes on the device, and its candidates as of its first row.
  WriteGroup* on_device_ = nullptr;
  SessionState* on_device_session_ = nullptr;
  std::vector<std::size_t> device_rows_;

  mutable std::mutex stats_mutex_;
  EngineStats stats_;
};

}  // namespace tutti::detail::inline TUTTI_ABI
