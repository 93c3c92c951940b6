// SPDX-License-Identifier: Apache-2.0
#pragma once
// The command line of `complete`.

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

namespace complete {

struct Options {
  std::vector<std::string> models{"models/SmolLM2-135M-Instruct.Q4_1.gguf"};
  std::vector<std::string> adapters;
  std::string prompt = "Why is the sky blue? Answer in one sentence.";
  std::string system;
  bool raw = false;
  std::size_t experts = 8;
  tutti::Request request;
  std::string scorer = "mean-log-probability";
  std::string value_model;
  std::string selector = "best-of-n";
  bool any_candidate = false;
  std::string method = "generate";
  std::string fuse;
  std::size_t threads = 0;
  std::size_t context = 0;
  tutti::KvType kv_type = tutti::KvType::f16;
  bool json = false;
  bool quiet = false;
};

/// An option whose value is one of the names; help and error messages list them.
template <class Value>
void add_choice(CLI::App& app, const std::string& option, Value& value,
                const std::map<std::string, Value>& choices, const std::string& help) {
  std::vector<std::string> names;
  std::string current;
  for (const auto& [name, choice] : choices) {
    names.push_back(name);
    if (choice == value) current = name;
  }
  app.add_option_function<std::string>(
         option, [&value, choices](const std::string& name) { value = choices.at(name); }, help)
      ->check(CLI::IsMember(names))
      ->default_str(current);
}

inline void add_sampling(CLI::App& app, tutti::SamplingOptions& sampling) {
  app.add_option("-t,--temperature", sampling.temperature, "0 always takes the most likely token")
      ->capture_default_str();
  app.add_option("--top-k", sampling.top_k, "0 keeps all tokens")->capture_default_str();
  app.add_option("--top-p", sampling.top_p, "1 keeps all tokens")->capture_default_str();
  app.add_option("--min-p", sampling.min_p, "0 keeps all tokens")->capture_default_str();
  app.add_option("--repetition-penalty", sampling.repetition_penalty, "1 is off")
      ->capture_default_str();
  app.add_option("--presence-penalty", sampling.presence_penalty, "0 is off")
      ->capture_default_str();
  app.add_option("--frequency-penalty", sampling.frequency_penalty, "0 is off")
      ->capture_default_str();
  add_choice(app, "--sampler-order", sampling.order,
             {{"llama-cpp", tutti::SamplerOrder::llama_cpp},
              {"hugging-face", tutti::SamplerOrder::hugging_face}},
             "Order of the sampling filters");
}

/// @throws CLI::ParseError, also for --help; see CLI::App::exit.
inline Options parse(CLI::App& app, int argc, char** argv) {
  Options options;
  tutti::Request& request = options.request;
  request.max_new_tokens = 512;
  request.sampling.temperature = 0.8F;
  request.sampling.top_p = 0.95F;
  app.add_option("prompt", options.prompt, "The question")->capture_default_str();
  // One value per flag, so that the prompt can follow.
  app.add_option("--model", options.models,
                 "A .gguf file, a Hugging Face directory, or a directory of several. One model "
                 "serves all experts; repeat the option to give one per expert")
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--adapter", options.adapters,
                 "PEFT LoRA directory on top of one model, or a directory of several; repeat the "
                 "option to give one per expert")
      ->allow_extra_args(false);
  app.add_option("--system", options.system, "System message of the chat");
  app.add_flag("--raw", options.raw, "Continue the prompt as text, without the chat template");
  app.add_option("-n,--experts", options.experts, "Number of experts when one model serves all")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("-m,--samples", request.samples_per_expert, "Samples per expert")
      ->capture_default_str();
  app.add_option("--max-new-tokens", request.max_new_tokens, "Per candidate")
      ->capture_default_str();
  app.add_option("--stop", request.stop_strings,
                 "A string that ends a candidate; repeat the option to give several")
      ->allow_extra_args(false);
  app.add_option("--seed", request.seed, "Seed of the random draws")->capture_default_str();
  app.add_option("--max-seconds", request.budget.max_seconds, "0 is no limit")
      ->capture_default_str();
  add_sampling(app, request.sampling);
  app.add_option("--scorer", options.scorer, "What candidates are scored by")
      ->check(CLI::IsMember({"mean-log-probability", "sum-log-probability",
                             "cross-expert-likelihood", "value-model"}))
      ->capture_default_str();
  app.add_option("--value-model", options.value_model,
                 "Reward model (a directory) for --scorer value-model");
  app.add_option("--selector", options.selector, "How the answer is picked")
      ->check(CLI::IsMember({"best-of-n", "majority", "weighted-majority", "minimum-bayes-risk"}))
      ->capture_default_str();
  app.add_flag("--any-candidate", options.any_candidate,
               "Select among all candidates, not only among those that were not cut off");
  app.add_option("--method", options.method,
                 "How candidates are written and picked. generate: all of them, then --scorer and "
                 "--selector. Votes: adaptive-consistency, deep-conf-offline, deep-conf-online, "
                 "model-switch (stop early), recursive-self-aggregation. By --scorer: "
                 "speculative-rejection, step-beam-search, particle-filter. Judged by expert 0: "
                 "knockout. See docs/methods.md")
      ->check(CLI::IsMember({"generate", "adaptive-consistency", "deep-conf-offline",
                             "deep-conf-online", "speculative-rejection", "step-beam-search",
                             "particle-filter", "knockout", "recursive-self-aggregation",
                             "model-switch"}))
      ->capture_default_str();
  app.add_option("--fuse", options.fuse,
                 "Generate one answer from all experts' distributions instead of selecting")
      ->check(CLI::IsMember({"mean", "product"}));
  app.add_option("--threads", options.threads, "0 uses all processors")->capture_default_str();
  app.add_option("--context", options.context, "Positions per sequence; 0 is the model's maximum")
      ->capture_default_str();
  add_choice(
      app, "--kv", options.kv_type,
      {{"f32", tutti::KvType::f32}, {"f16", tutti::KvType::f16}, {"bf16", tutti::KvType::bf16}},
      "Element type of the KV cache");
  app.add_flag("--json", options.json, "Print the whole result as JSON");
  app.add_flag("-q,--quiet", options.quiet, "Print the answer only");
  app.parse(argc, argv);
  return options;
}

}  // namespace complete
