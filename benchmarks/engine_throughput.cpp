// SPDX-License-Identifier: Apache-2.0
// What the engine adds to single requests: many different prompts in one batch beside as many
// samples of one prompt, and a chat turn that begins with cached pages beside one that does not.
// Ratios within one run; see docs/performance.md.
//
//     engine_throughput model.gguf [threads]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "tutti/tutti.hpp"

namespace {

using namespace tutti;
using Model = Transformer<Cpu>;

constexpr std::size_t kPrompt = 40, kTokens = 32, kPrompts = 64, kSamples = 4, kRuns = 5;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<Token> prompt_of(std::size_t number, std::size_t length, std::size_t vocabulary) {
  std::vector<Token> prompt;
  for (std::size_t i = 0; i < length; ++i) {
    prompt.push_back(
        static_cast<Token>((1000 + number * 7919 + i * 104729) % (vocabulary - 1000) + 500));
  }
  return prompt;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string range(const std::vector<double>& values) {
  return "\"median\": " + std::to_string(median(values)) +
         ", \"min\": " + std::to_string(*std::min_element(values.begin(), values.end())) +
         ", \"max\": " + std::to_string(*std::max_element(values.begin(), values.end()));
}

Request request_of(std::vector<Token> prompt, std::size_t samples, std::size_t tokens) {
  Request request;
  request.prompt_tokens = std::move(prompt);
  request.samples_per_expert = samples;
  request.max_new_tokens = tokens;
  request.ignore_end_of_text = true;
  return request;
}

/// Tokens per second of all requests together.
double throughput(Engine& engine, const std::vector<Request>& requests) {
  const auto start = std::chrono::steady_clock::now();
  std::size_t tokens = 0;
  for (Future<Result>& result : engine.run(requests, Generate()))
    tokens += result.get().cost.total().generated_tokens;
  return static_cast<double>(tokens) / seconds_since(start);
}

double seconds_to_first_token(Engine& engine, const Request& request) {
  const auto start = std::chrono::steady_clock::now();
  (void)engine.submit(request, Generate()).get();
  return seconds_since(start);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: engine_throughput model.gguf [threads]\n";
    return 2;
  }
  CpuOptions cpu;
  cpu.threads = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 2;
  const std::filesystem::path path = argv[1];
  const auto model = Model::load(path);
  const std::size_t vocabulary = model.config().vocabulary_size;
  const auto engine = [&](bool prefix_cache) {
    EngineOptions options;
    options.prefix_cache = prefix_cache;
    return Engine(ExpertStack<1, Model>(std::vector<Model>{model}, cpu), {}, options);
  };

  std::vector<double> one_prompt, many_prompts, ratio;
  for (std::size_t run = 0; run < kRuns; ++run) {
    Engine one = engine(false), many = engine(false);
    one_prompt.push_back(throughput(
        one, {request_of(prompt_of(run, kPrompt, vocabulary), kPrompts * kSamples, kTokens)}));
    std::vector<Request> requests;
    for (std::size_t i = 0; i < kPrompts; ++i)
      requests.push_back(request_of(prompt_of(100 + i, kPrompt, vocabulary), kSamples, kTokens));
    many_prompts.push_back(throughput(many, requests));
    ratio.push_back(many_prompts.back() / one_prompt.back());
  }

  // The tenth turn of a chat of 1500 tokens: the history, then a message of 30 tokens.
  std::vector<double> afresh, cached, turn_ratio;
  for (std::size_t run = 0; run < kRuns; ++run) {
    const std::vector<Token> history = prompt_of(1000 + run, 1500, vocabulary);
    std::vector<Token> turn = history;
    const std::vector<Token> message = prompt_of(2000 + run, 30, vocabulary);
    turn.insert(turn.end(), message.begin(), message.end());
    Engine with = engine(true), without = engine(false);
    (void)seconds_to_first_token(with, request_of(history, 1, 1));
    (void)seconds_to_first_token(without, request_of(history, 1, 1));
    cached.push_back(seconds_to_first_token(with, request_of(turn, 1, 1)));
    afresh.push_back(seconds_to_first_token(without, request_of(turn, 1, 1)));
    turn_ratio.push_back(cached.back() / afresh.back());
  }

  std::cout << "{\n  \"model\": \"" << path.filename().string()
            << "\", \"threads\": " << cpu.threads << ", \"runs\": " << kRuns
            << ",\n  \"one_prompt_256_samples_tokens_per_second\": {" << range(one_prompt)
            << "},\n  \"64_prompts_4_samples_tokens_per_second\": {" << range(many_prompts)
            << "},\n  \"64_prompts_over_one\": {" << range(ratio)
            << "},\n  \"chat_turn_afresh_seconds\": {" << range(afresh)
            << "},\n  \"chat_turn_cached_seconds\": {" << range(cached)
            << "},\n  \"chat_turn_cached_over_afresh\": {" << range(turn_ratio) << "}\n}\n";
}
