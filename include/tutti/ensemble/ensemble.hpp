// SPDX-License-Identifier: Apache-2.0
#pragma once
// Several language models answer as one. A router decides which experts generate how many
// candidates, all candidates are generated in one batch, a scorer scores them, and a selector picks
// one. Alternatively the experts' distributions are fused token by token.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/ensemble/candidate_rescorer.hpp"
#include "tutti/ensemble/component_checks.hpp"
#include "tutti/ensemble/fuse_distributions.hpp"
#include "tutti/ensemble/generation.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/result.hpp"
#include "tutti/router/all_experts.hpp"
#include "tutti/router/router.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/text/unicode/utf8.hpp"
#include "tutti/transformer/expert_stack.hpp"

namespace tutti {

/// The result of load_experts, or a type like it: models that share a codec.
template <class E>
concept LoadedExperts = requires(const E& experts) {
  {ExpertStack(experts.models)};
  { experts.codec() } -> std::convertible_to<TextCodec>;
};

/// An ensemble of N experts; with N = std::dynamic_extent their number is known at run time.
///
///     tutti::Ensemble ensemble(tutti::load_experts<tutti::Cpu>(paths),
///                              tutti::CrossExpertLikelihood{});
///
/// Results depend on the request and the weights only: candidate (expert, sample) has the same
/// tokens, bit for bit, whether it is generated alone or among sixteen, with any number of threads.
/// After any exception the ensemble can be used again. It may be used by one thread at a time.
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
      : stack_(std::move(stack)),
        codec_(std::move(codec)),
        scorer_(std::move(scorer)),
        router_(std::move(router)),
        selector_(std::move(selector)) {
    require<OptionError>(stack_.size() <= kMaxExperts, "an ensemble of ", stack_.size(),
                         " experts: at most ", kMaxExperts);
    require<OptionError>(
        codec_.expert_end_tokens.empty() || codec_.expert_end_tokens.size() == stack_.size(),
        "the codec has end tokens for ", codec_.expert_end_tokens.size(), " experts, the ensemble ",
        stack_.size(), " experts: give one list per expert, or none");
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
  [[nodiscard]] Result generate(const Request& request) {
    Result result;
    if constexpr (kFits) {
      result.prompt_tokens = begin_request(request);
      const Route route = check_route(
          router_.route(RouterQuery{result.prompt_tokens, prompt_text(request), stack_.size(),
                                    request.samples_per_expert}),
          stack_.size());
      const bool scorer_reads = scorer_needs_models(scorer_);
      std::vector<bool> wanted(stack_.size());
      for (std::size_t e = 0; e < wanted.size(); ++e) wanted[e] = route[e] > 0 || scorer_reads;

      Generation<Stack> generation(stack_, codec_, request, result.prompt_tokens);
      generation.prefill(wanted);
      result.candidates = generation.sample(route);
      score_candidates(request, result, generation.prompt());
      result.selection = selector_.select(std::span<const Candidate>(result.candidates));
      require<ComponentError>(result.selection.index < result.candidates.size(),
                              "the selector picked candidate ", result.selection.index, " of ",
                              result.candidates.size(), ": candidates count from 0");
      result.cost = stack_.ledger();
    }
    return result;
  }

  /// Generates one candidate from the experts' fused distributions.
  /// @throws as generate does.
  [[nodiscard]] Result fuse(const Request& request, Fusion fusion = Fusion::mean_of_probabilities) {
    Result result;
    if constexpr (kFits) {
      result.prompt_tokens = begin_request(request);
      Generation<Stack> generation(stack_, codec_, request, result.prompt_tokens);
      generation.prefill(std::vector<bool>(stack_.size(), true));
      result.candidates.push_back(generation.fuse(fusion));
      result.cost = stack_.ledger();
    }
    return result;
  }

  // An ensemble is a language model itself: the mixture of its experts.
  [[nodiscard]] std::size_t vocabulary_size() const { return stack_.vocabulary_size(); }
  [[nodiscard]] std::size_t context_length() const { return stack_.context_length(); }

  /// Writes log mean_e p_e(t | context), normalized: [vocabulary_size()].
  void next_logits(std::span<const Token> context, std::span<float> logits) {
    Request request;
    request.prompt_tokens.assign(context.begin(), context.end());
    const std::vector<Token> prompt = begin_request(request, 0);
    Generation<Stack> generation(stack_, codec_, request, prompt);
    generation.prefill(std::vector<bool>(stack_.size(), true));
    const std::vector<float> weights(stack_.size(), 1.0F / static_cast<float>(stack_.size()));
    fuse_distributions(Fusion::mean_of_probabilities, generation.prompt().last_logits, weights,
                       logits);
  }

  [[nodiscard]] Stack& stack() { return stack_; }
  [[nodiscard]] Scorer& scorer() { return scorer_; }
  [[nodiscard]] Router& router() { return router_; }
  [[nodiscard]] Selector& selector() { return selector_; }

 private:
  /// The key of a draw has 16 bits each for the expert and the sample.
  static constexpr std::size_t kMaxExperts = 65535;

  /// Checks the request, clears the state of the previous one and returns the prompt's tokens.
  /// @param answer number of positions that the context must have after the prompt.
  std::vector<Token> begin_request(const Request& request, std::size_t answer = 1) {
    check_request(request);
    stack_.clear();
    std::vector<Token> prompt = encode_prompt(request);
    for (const Token token : prompt) {
      require<OptionError>(token >= 0 && static_cast<std::size_t>(token) < vocabulary_size(),
                           "prompt token ", token, " is outside the vocabulary of ",
                           vocabulary_size(), ": encode the prompt with the model's own tokenizer");
    }
    require<CapacityError>(prompt.size() + answer <= context_length(), "the prompt has ",
                           prompt.size(), " tokens, the context holds ", context_length(),
                           " and must keep ", answer, " for the answer: shorten the prompt");
    return prompt;
  }

  [[nodiscard]] std::vector<Token> encode_prompt(const Request& request) const {
    if (!request.prompt_tokens.empty()) return request.prompt_tokens;
    std::vector<Token> prompt;
    if (!request.messages.empty()) {
      require<OptionError>(static_cast<bool>(codec_.encode_chat), "a chat of ",
                           request.messages.size(),
                           " messages needs a chat template, and the ensemble's codec has none: "
                           "set TextCodec::encode_chat, or give the request a prompt");
      prompt = codec_.encode_chat(request.messages);
      require<OptionError>(!prompt.empty(), "the chat of ", request.messages.size(),
                           " messages has 0 tokens: give at least one");
      return prompt;
    }
    require<OptionError>(!request.prompt.empty(),
                         "the prompt is empty: give a text, messages, or at least one token");
    require<OptionError>(static_cast<bool>(codec_.encode),
                         "a text prompt needs a tokenizer: give the ensemble a TextCodec, or the "
                         "request prompt_tokens");
    prompt = codec_.encode(request.prompt);
    require<OptionError>(!prompt.empty(), "the prompt of ", request.prompt.size(),
                         " bytes has 0 tokens: give at least one");
    return prompt;
  }

  /// The user's prompt, as routers and scorers see it.
  [[nodiscard]] static std::string_view prompt_text(const Request& request) {
    for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
      if (message->role == "user") return message->content;
    }
    return request.prompt;
  }

  void check_request(const Request& request) const {
    request.sampling.validate(vocabulary_size());
    const int prompts = (request.prompt.empty() ? 0 : 1) + (request.messages.empty() ? 0 : 1) +
                        (request.prompt_tokens.empty() ? 0 : 1);
    require<OptionError>(prompts <= 1, "the request has a prompt of ", request.prompt.size(),
                         " bytes, ", request.messages.size(), " messages and ",
                         request.prompt_tokens.size(), " prompt tokens: give one of the three");
    const bool custom = static_cast<bool>(request.custom_sampler);
    require<OptionError>(!custom || request.sampling == SamplingOptions{},
                         "the request has a custom_sampler and also sampling options, which it "
                         "would ignore: leave `sampling` at its defaults, or use `filters`");
    require<OptionError>(!custom || request.filters.empty(),
                         "the request has a custom_sampler and ", request.filters.size(),
                         " filters, which it would ignore: give one of the two");
    require<OptionError>(
        request.samples_per_expert >= 1 && request.samples_per_expert <= kMaxExperts,
        "samples_per_expert is ", request.samples_per_expert, ": it must be between 1 and ",
        kMaxExperts);
    require<OptionError>(request.max_new_tokens >= 1, "max_new_tokens is 0: it must be at least 1");
    require<OptionError>(request.budget.max_seconds >= 0, "budget.max_seconds is ",
                         request.budget.max_seconds, ": it must be 0 (no limit) or positive");
    require<OptionError>(request.stop_strings.empty() || codec_.token_bytes,
                         request.stop_strings.size(),
                         " stop strings need the text of tokens, and the ensemble has no "
                         "tokenizer: give it a TextCodec with token_bytes, or the request "
                         "stop_tokens");
    for (std::size_t i = 0; i < request.stop_strings.size(); ++i) {
      require<OptionError>(!request.stop_strings[i].empty(), "stop string ", i, " of ",
                           request.stop_strings.size(),
                           " is empty and would end every candidate at once: remove it");
      require<OptionError>(replace_invalid_utf8(request.stop_strings[i]) == request.stop_strings[i],
                           "stop string ", i, " of ", request.stop_strings.size(),
                           " is not valid UTF-8: generated texts are, and it would never match");
    }
  }

  void score_candidates(const Request& request, Result& result, const CachedPrompt& prompt) {
    CandidateRescorer<Stack> models(stack_, prompt);
    const ScoringRequest scoring{result.prompt_tokens, prompt_text(request), result.candidates};
    const std::vector<double> scores = run_scorer(scorer_, scoring, models);
    for (std::size_t i = 0; i < scores.size(); ++i) result.candidates[i].score = scores[i];
  }

  Stack stack_;
  TextCodec codec_;
  Scorer scorer_;
  Router router_;
  Selector selector_;
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
