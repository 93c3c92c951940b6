// SPDX-License-Identifier: Apache-2.0
#pragma once
// Several language models answer as one. A router decides which experts generate how many
// candidates, all candidates are generated in one batch, a scorer scores them, and a selector picks
// one. Alternatively the experts' distributions are fused token by token.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/engine/engine.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/ensemble/component_checks.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/result.hpp"
#include "tutti/method/generate.hpp"
#include "tutti/router/all_experts.hpp"
#include "tutti/router/router.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/transformer/expert_stack.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

/// The result of load_experts, or a type like it: models that share a codec.
template <class E>
concept LoadedExperts = requires(const E& experts) {
  {ExpertStack(experts.models)};
  { experts.codec() } -> std::convertible_to<TextCodec>;
};

namespace detail {

/// Instead of a method with components that do not fit.
struct NoMethod {
  template <class... Components>
  explicit NoMethod(Components&&...) {}
};

template <bool kFits, class Scorer, class Router, class Selector>
struct MethodChoice {
  using type = NoMethod;
};
template <class Scorer, class Router, class Selector>
struct MethodChoice<true, Scorer, Router, Selector> {
  using type = Generate<Scorer, Router, Selector>;
};
template <bool kFits, class Scorer, class Router, class Selector>
using MethodOf = typename MethodChoice<kFits, Scorer, Router, Selector>::type;

}  // namespace detail

/// An ensemble of N experts; with N = std::dynamic_extent their number is known at run time.
///
///     tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths),
///                              tutti::CrossExpertLikelihood{});
///
/// Results depend on the request and the weights only: candidate (expert, sample) has the same
/// tokens, bit for bit, whether it is generated alone or among sixteen, with any number of threads.
/// After any exception the ensemble can be used again. `submit` may be called by any thread, the
/// other members by one thread at a time. All requests share the batches of one engine.
///
/// Model: a LanguageModel. Scorer: a CandidateScorer, for instance a lambda double(const
/// Candidate&). Router: an ExpertRouter. Selector: a CandidateSelector.
template <std::size_t N, class Model, class Scorer, class Router = AllExperts,
          class Selector = BestOfN>
class Ensemble : detail::FirstFailedCheck<Model, Scorer, Router, Selector> {
  /// False after a failed check: then the bodies below are skipped, which would repeat the error.
  static constexpr bool kFits = LanguageModel<Model> && CandidateScorer<Scorer> &&
                                ExpertRouter<Router> && CandidateSelector<Selector>;

 public:
  using Stack = ExpertStack<N, Model>;

  /// @throws OptionError when the codec has end tokens for another number of experts.
  explicit Ensemble(ExpertStack<N, Model> stack, TextCodec codec = TextCodec(),
                    Scorer scorer = Scorer(), Router router = Router(),
                    Selector selector = Selector())
      : components_(std::move(scorer), std::move(router), std::move(selector)) {
    if constexpr (kFits) {
      auto runner = std::make_unique<StackRunner<Stack>>(std::move(stack));
      runner_ = runner.get();
      engine_.emplace(std::move(runner), std::move(codec));
    }
  }

  /// @throws ModelError when the number of models is not N, or they do not fit each other.
  explicit Ensemble(std::vector<Model> models, TextCodec codec = TextCodec(),
                    Scorer scorer = Scorer(), Router router = Router(),
                    Selector selector = Selector())
      : Ensemble(Stack(std::move(models)), std::move(codec), std::move(scorer), std::move(router),
                 std::move(selector)) {}

  /// Uses the experts' own codec, in which every expert has its own end tokens.
  /// @throws ModelError when the number of experts is not N.
  template <LoadedExperts Experts>
  explicit Ensemble(const Experts& experts, Scorer scorer = Scorer(), Router router = Router(),
                    Selector selector = Selector())
      : Ensemble(Stack(experts.models), experts.codec(), std::move(scorer), std::move(router),
                 std::move(selector)) {}

  /// Generates candidates, scores them, and picks one.
  /// @throws OptionError for a request out of range; CapacityError for a prompt longer than the
  /// context; NumericError for NaN logits, or when no token is left to draw; ComponentError when a
  /// scorer, router or selector breaks its contract; and whatever the stream callback throws.
  [[nodiscard]] Result generate(const Request& request) { return submit(request).get(); }

  /// Answers several requests in the same batches. The results are in the order of the requests.
  /// @throws the error of the first request in that order that has one, after all have ended.
  template <std::convertible_to<std::span<const Request>> Requests>
  [[nodiscard]] std::vector<Result> generate(const Requests& requests) {
    std::vector<Result> results;
    if constexpr (kFits) {
      for (Future<Result>& future : engine_->run(requests, components_))
        results.push_back(future.get());
    }
    return results;
  }

  /// Queues a request, from any thread: see Engine.
  [[nodiscard]] Future<Result> submit(const Request& request) {
    if constexpr (kFits) {
      return engine_->submit(request, components_);
    } else {
      return {};
    }
  }

  /// Generates one candidate from the experts' fused distributions.
  /// @throws as generate does.
  [[nodiscard]] Result fuse(const Request& request, Fusion fusion = Fusion::mean_of_probabilities) {
    return engine_
        ->submit(request,
                 [fusion](Session& session) -> Task<Selection> {
                   co_await session.fuse(fusion);
                   co_return Selection{};
                 })
        .get();
  }

  // An ensemble is a language model itself: the mixture of its experts.
  [[nodiscard]] std::size_t vocabulary_size() const { return runner_->vocabulary_size(); }
  [[nodiscard]] std::size_t context_length() const { return runner_->context_length(); }

  /// Writes log mean_e p_e(t | context), normalized: [vocabulary_size()].
  void next_logits(std::span<const Token> context, std::span<float> logits) {
    Request request;
    request.prompt_tokens.assign(context.begin(), context.end());
    const auto method = [logits](Session& session) -> Task<Selection> {
      const MatrixView<const float> rows = co_await session.prompt_logits();
      const std::vector<float> weights(rows.rows, 1.0F / static_cast<float>(rows.rows));
      fuse_distributions(Fusion::mean_of_probabilities, rows, weights, logits);
      co_return Selection{};
    };
    (void)engine_->submit(std::move(request), method, 0).get();
  }

  /// The engine that answers the requests: for other methods, and to run it in its own thread.
  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] Stack& stack() { return runner_->stack(); }
  [[nodiscard]] Scorer& scorer() { return components_.components().scorer; }
  [[nodiscard]] Router& router() { return components_.components().router; }
  [[nodiscard]] Selector& selector() { return components_.components().selector; }

 private:
  detail::MethodOf<kFits, Scorer, Router, Selector> components_;
  StackRunner<Stack>* runner_ = nullptr;  ///< Owned by the engine.
  std::optional<Engine> engine_;          ///< None after a failed check.
};

template <std::size_t N, class Model, class Scorer = MeanLogProbability, class Router = AllExperts,
          class Selector = BestOfN>
Ensemble(ExpertStack<N, Model>, TextCodec = {}, Scorer = {}, Router = {}, Selector = {})
    -> Ensemble<N, Model, Scorer, Router, Selector>;

template <class Model, class Scorer = MeanLogProbability, class Router = AllExperts,
          class Selector = BestOfN>
Ensemble(std::vector<Model>, TextCodec = {}, Scorer = {}, Router = {}, Selector = {})
    -> Ensemble<std::dynamic_extent, Model, Scorer, Router, Selector>;

template <LoadedExperts Experts, class Scorer = MeanLogProbability, class Router = AllExperts,
          class Selector = BestOfN>
Ensemble(Experts, Scorer = {}, Router = {}, Selector = {})
    -> Ensemble<std::dynamic_extent, typename decltype(Experts::models)::value_type, Scorer, Router,
                Selector>;

}  // namespace tutti

TUTTI_COROUTINES_END
