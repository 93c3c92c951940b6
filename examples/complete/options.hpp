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
  std::string fuse;
  std::size_t threads = 0;
  std::size_t context = 0;
  tutti::KvType kv_type = tutti::KvType::f16;
  bool json = false;
  bool quiet = false;
};

inline void add_sampling(CLI::App& app, tutti::SamplingOptions& sampling) {
  const std::map<std::string, tutti::SamplerOrder> orders{
      {"llama-cpp", tutti::SamplerOrder::llama_cpp},
      {"hugging-face", tutti::SamplerOrder::hugging_face}};
  app.add_option("-t,--temperature", sampling.temperature, "0 takes the likeliest token")
      ->capture_default_str();
  app.add_option("--top-k", sampling.top_k, "0 keeps all")->capture_default_str();
  app.add_option("--top-p", sampling.top_p, "1 keeps all")->capture_default_str();
  app.add_option("--min-p", sampling.min_p, "0 keeps all")->capture_default_str();
  app.add_option("--repetition-penalty", sampling.repetition_penalty, "1 is none")
      ->capture_default_str();
  app.add_option("--presence-penalty", sampling.presence_penalty)->capture_default_str();
  app.add_option("--frequency-penalty", sampling.frequency_penalty)->capture_default_str();
  app.add_option("--sampler-order", sampling.order, "Order of the samplers")
      ->transform(CLI::CheckedTransformer(orders));
}

/// @throws CLI::ParseError, also for --help; see CLI::App::exit.
inline Options parse(CLI::App& app, int argc, char** argv) {
  Options options;
  tutti::Request& request = options.request;
  request.max_new_tokens = 64;
  request.sampling.temperature = 0.8F;
  request.sampling.top_p = 0.95F;
  app.add_option("prompt", options.prompt, "What to answer")->capture_default_str();
  app.add_option("--model", options.models,
                 "A .gguf file or a Hugging Face directory, one for all experts or one for each; "
                 "or a directory of such")
      ->capture_default_str();
  app.add_option(
      "--adapter", options.adapters,
      "PEFT LoRA directories on top of one model, one expert for each; or a directory of such");
  app.add_option("--system", options.system, "System message of the chat");
  app.add_flag("--raw", options.raw,
               "Complete the prompt as it is, without the model's chat format");
  app.add_option("-n,--experts", options.experts, "Number of experts")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("-m,--samples", request.samples_per_expert, "Samples from each expert")
      ->capture_default_str();
  app.add_option("--max-new-tokens", request.max_new_tokens, "For each candidate")
      ->capture_default_str();
  app.add_option("--stop", request.stop_strings, "Strings that end a candidate");
  app.add_option("--seed", request.seed)->capture_default_str();
  app.add_option("--max-seconds", request.budget.max_seconds, "0 is no limit")
      ->capture_default_str();
  add_sampling(app, request.sampling);
  app.add_option("--scorer", options.scorer)
      ->check(CLI::IsMember({"mean-log-probability", "sum-log-probability",
                             "cross-expert-likelihood", "value-model"}))
      ->capture_default_str();
  app.add_option("--value-model", options.value_model,
                 "Reward model (a directory) for --scorer value-model");
  app.add_option("--selector", options.selector)
      ->check(CLI::IsMember({"best-of-n", "majority", "weighted-majority", "minimum-bayes-risk"}))
      ->capture_default_str();
  app.add_option("--fuse", options.fuse,
                 "Write one answer from all experts' distributions instead of selecting")
      ->check(CLI::IsMember({"mean", "product"}));
  app.add_option("--threads", options.threads, "0 takes all processors")->capture_default_str();
  app.add_option("--context", options.context,
                 "Positions a sequence may have; 0 takes what the model allows")
      ->capture_default_str();
  const std::map<std::string, tutti::KvType> kv_types{
      {"f32", tutti::KvType::f32}, {"f16", tutti::KvType::f16}, {"bf16", tutti::KvType::bf16}};
  app.add_option("--kv", options.kv_type, "Element type of the KV cache")
      ->transform(CLI::CheckedTransformer(kv_types));
  app.add_flag("--json", options.json, "Print the whole result as JSON");
  app.add_flag("-q,--quiet", options.quiet, "Print the answer only");
  app.parse(argc, argv);
  return options;
}

}  // namespace complete
