// SPDX-License-Identifier: Apache-2.0
#pragma once
// N models serve as one: a router says which experts write how many candidates, all of them are
// written in one batch, a scorer values them and a selector picks. Or the experts' distributions
// are fused token by token.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/ensemble/generation.hpp"
#include "tutti/ensemble/request.hpp"
#include "tutti/ensemble/result.hpp"
#include "tutti/router/all_experts.hpp"
#include "tutti/router/router.hpp"
#include "tutti/scorer/scorer.hpp"
#include "tutti/selector/best_of_n.hpp"
#include "tutti/selector/selector.hpp"
#include "tutti/text/text_codec.hpp"
#include "tutti/text/unicode/utf8.hpp"
#include "tutti/transformer/expert_stack.hpp"

namespace tutti {

/// An ensemble of N experts; N = std::dynamic_extent takes any number at run time.
///
/// Results depend on the request and the weights alone: candidate (expert, sample) has the same
/// tokens, bit for bit, whether it is written alone or among sixteen, for any number of threads.
/// After any exception the ensemble can be used again. One thread at a time may use it.
template <std::size_t N, LanguageModel Model, CandidateScorer Scorer,
          ExpertRouter Router = AllExperts, CandidateSelector Selector = BestOfN>
class Ensemble {
 public:
  using Stack = ExpertStack<N, Model>;

  explicit Ensemble(Stack stack, TextCodec codec = {}, Scorer scorer = {}, Router router = {},
                    Selector selector = {})
      : stack_(std::move(stack)),
        codec_(std::move(codec)),
        scorer_(std::move(scorer)),
        router_(std::move(router)),
        selector_(std::move(selector)) {
    require<OptionError>(stack_.size() <= kMaxExperts, "an ensemble of ", stack_.size(),
                         " experts: at most ", kMaxExperts);
  }

  /// Writes candidates, values them, and picks one.
  /// @throws OptionError for a request out of range, CapacityError for a prompt longer than the
  /// context, NumericError for
  ///         NaN logits or when no token is left to draw, ComponentError when a scorer, router or
  ///         selector breaks its contract, and whatever the stream callback throws.
  [[nodiscard]] Result generate(const Request& request) {
    Result result;
    result.prompt_tokens = begin(request);
    const Route route = check_route(
        router_.route(RouterQuery{result.prompt_tokens, request.prompt, stack_.size(),
                                  request.samples_per_expert}),
        stack_.size());
    std::vector<bool> wanted(stack_.size());
    for (std::size_t e = 0; e < wanted.size(); ++e)
      wanted[e] = route[e] > 0 || scorer_needs_models();

    Generation<Stack> generation(stack_, codec_, request, result.prompt_tokens);
    generation.prefill(wanted);
    result.candidates = generation.sample(route);
    score(request, result, generation.prompt());
    result.selection = selector_.select(std::span<const Candidate>(result.candidates));
    require<ComponentError>(result.selection.index < result.candidates.size(),
                            "the selector picked candidate ", result.selection.index, " of ",
                            result.candidates.size());
    result.cost = stack_.ledger();
    return result;
  }

  /// Writes one sequence from the experts' fused distributions.
  /// @throws as generate does.
  [[nodiscard]] FusedResult fuse(const Request& request,
                                 Fusion fusion = Fusion::mean_of_probabilities) {
    FusedResult result;
    result.prompt_tokens = begin(request);
    Generation<Stack> generation(stack_, codec_, request, result.prompt_tokens);
    generation.prefill(std::vector<bool>(stack_.size(), true));
    result.candidate = generation.fuse(fusion);
    result.cost = stack_.ledger();
    return result;
  }

  // An ensemble is a language model itself: the mixture of its experts.
  [[nodiscard]] std::size_t vocabulary_size() const { return stack_.vocabulary_size(); }
  [[nodiscard]] std::size_t context_length() const { return stack_.context_length(); }

  /// Writes log mean_e p_e(t | context), normalized: [vocabulary_size()].
  void next_logits(std::span<const Token> context, std::span<float> logits) {
    Request request;
    request.prompt_tokens.assign(context.begin(), context.end());
    const std::vector<Token> prompt = begin(request, 0);
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
  /// A draw's coordinates hold 16 bits each for the expert and the sample.
  static constexpr std::size_t kMaxExperts = 65535;

  static constexpr bool scorer_needs_models() { return ModelScorer<Scorer>; }

  /// Checks the request, forgets the one before and returns the prompt's tokens.
  /// @param answer tokens for which the context must have room behind the prompt.
  std::vector<Token> begin(const Request& request, std::size_t answer = 1) {
    check(request);
    stack_.clear();
    std::vector<Token> prompt = request.prompt_tokens;
    if (prompt.empty()) {
      require<OptionError>(!request.prompt.empty(),
                           "the prompt is empty: give a text or at least one token");
      require<OptionError>(
          static_cast<bool>(codec_.encode),
          "a text prompt needs a tokenizer: give the ensemble a TextCodec, or the ",
          "request prompt_tokens");
      prompt = codec_.encode(request.prompt);
      require<OptionError>(!prompt.empty(), "the prompt of ", request.prompt.size(),
                           " bytes has 0 tokens: give at least one");
    }
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

  void check(const Request& request) const {
    request.sampling.validate(vocabulary_size());
    require<OptionError>(request.prompt.empty() || request.prompt_tokens.empty(),
                         "the request has a prompt of ", request.prompt.size(), " bytes and also ",
                         request.prompt_tokens.size(), " prompt tokens: give one of the two");
    require<OptionError>(
        request.samples_per_expert >= 1 && request.samples_per_expert <= kMaxExperts,
        "samples_per_expert is ", request.samples_per_expert, ": it must be between 1 and ",
        kMaxExperts);
    require<OptionError>(request.max_new_tokens >= 1, "max_new_tokens is 0: it must be at least 1");
    require<OptionError>(request.budget.max_seconds >= 0, "budget.max_seconds is ",
                         request.budget.max_seconds, ": it must be 0 (no limit) or positive");
    require<OptionError>(request.stop_strings.empty() || codec_.token_bytes,
                         request.stop_strings.size(),
                         " stop strings are looked for in texts, and the ensemble has no "
                         "tokenizer: give it a TextCodec with token_bytes, or ",
                         "the request stop_tokens");
    for (std::size_t i = 0; i < request.stop_strings.size(); ++i) {
      require<OptionError>(!request.stop_strings[i].empty(), "stop string ", i, " of ",
                           request.stop_strings.size(),
                           " is empty: it would end every candidate at once");
      require<OptionError>(replace_invalid_utf8(request.stop_strings[i]) == request.stop_strings[i],
                           "stop string ", i, " of ", request.stop_strings.size(),
                           " is not valid UTF-8: texts are, and would be cut within a character");
    }
  }

  void score(const Request& request, Result& result, const CachedPrompt& prompt) {
    TeacherForcing<Stack> models(stack_, prompt);
    const ScoringRequest scoring{result.prompt_tokens, request.prompt, result.candidates};
    const std::vector<double> scores = run_scorer(scorer_, scoring, models);
    for (std::size_t i = 0; i < scores.size(); ++i) result.candidates[i].score = scores[i];
  }

  Stack stack_;
  TextCodec codec_;
  Scorer scorer_;
  Router router_;
  Selector selector_;
};

}  // namespace tutti
