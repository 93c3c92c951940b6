// SPDX-License-Identifier: Apache-2.0
// What structured output costs: compiling a schema, computing a mask for the first time (cold),
// and what a decode step of 16 rows pays once all masks are known (warm): finding each row's state
// by its tokens, its mask, and applying it to the logits. With the vocabulary of SmolLM2 (49,152
// tokens) if the model is there, and with an artificial one of 151,936 tokens.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tutti/formats/gguf/gguf_file.hpp"
#include "tutti/text/grammar/grammar_filter.hpp"
#include "tutti/text/tokenizer/tokenizer.hpp"

namespace {

using namespace tutti;

constexpr std::size_t kRows = 16;

constexpr const char* kSchemas[] = {
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":100},"age":{"type":)"
    R"("integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"type":"string"},)"
    R"("minItems":1,"maxItems":10},"kind":{"enum":["person","robot","animal"]}},)"
    R"("required":["name","age","tags"]})",
    "{}",
};

/// SmolLM2's vocabulary, or words of 1 to 12 letters, digits and signs with every byte.
const TokenTrie& vocabulary(std::int64_t large) {
  static const TokenTrie small = [] {
    const std::filesystem::path path = TUTTI_MODEL_DIR "/SmolLM2-135M-Instruct.Q4_1.gguf";
    return std::filesystem::exists(path)
               ? TokenTrie(Tokenizer::from_gguf(GgufFile(path)))
               : TokenTrie(std::vector<std::string>{"a", ""}, std::vector<Token>{1});
  }();
  static const TokenTrie artificial = [] {
    constexpr std::string_view kSigns =
        "eeeeettttaaooiinnsshhrrdlcumwfgypbvkjxqz     019,.\"{}[]:_";
    std::mt19937 random(1);
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    while (tokens.size() < 151935) {
      std::string word(2 + random() % 11, ' ');
      for (char& c : word) c = kSigns[random() % kSigns.size()];
      tokens.push_back(std::move(word));
    }
    tokens.emplace_back();
    return TokenTrie(tokens, std::vector<Token>{151935});
  }();
  return large != 0 ? artificial : small;
}

Token draw(const TokenMask& mask, std::mt19937& random) {
  std::size_t skip = random() % mask.count;
  for (std::size_t word = 0;; ++word) {
    const auto count = static_cast<std::size_t>(std::popcount(mask.words[word]));
    if (skip >= count) {
      skip -= count;
      continue;
    }
    std::uint64_t bits = mask.words[word];
    for (; skip > 0; --skip) bits &= bits - 1;
    return static_cast<Token>(64 * word + static_cast<std::size_t>(std::countr_zero(bits)));
  }
}

/// Tokens of `count` texts drawn through the masks, at most `length` of each.
std::vector<std::vector<Token>> draw_texts(const TokenMasks& masks, std::size_t count,
                                           std::size_t length) {
  std::vector<std::vector<Token>> texts(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::mt19937 random(static_cast<std::uint32_t>(i));
    for (GrammarState state = masks.start(); texts[i].size() < length && !state.has_ended();) {
      texts[i].push_back(draw(*state.allowed(), random));
      state.advance(texts[i].back());
    }
  }
  return texts;
}

void compile_schema(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Grammar::json_schema(kSchemas[state.range(0)]));
}
BENCHMARK(compile_schema)->ArgName("schema")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

/// New masks while 16 texts are drawn from an empty cache: their number, mean and maximum.
void cold_masks(benchmark::State& state) {
  const Grammar grammar = Grammar::json_schema(kSchemas[state.range(0)]);
  double total = 0, longest = 0;
  std::size_t computed = 0;
  for (auto _ : state) {
    const TokenMasks masks(grammar, vocabulary(state.range(1)));
    for (std::uint32_t i = 0; i < kRows; ++i) {
      std::mt19937 random(i);
      GrammarState text = masks.start();
      for (int step = 0; step < 60 && !text.has_ended(); ++step) {
        const std::size_t before = masks.masks_computed();
        const auto begin = std::chrono::steady_clock::now();
        const auto mask = text.allowed();
        const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() -
                                                               begin;
        if (masks.masks_computed() > before) {
          total += time.count();
          longest = std::max(longest, time.count());
          ++computed;
        }
        text.advance(draw(*mask, random));
      }
    }
  }
  state.counters["mean_ms"] = total / static_cast<double>(computed);
  state.counters["max_ms"] = longest;
  state.counters["masks"] = static_cast<double>(computed) / static_cast<double>(state.iterations());
}
BENCHMARK(cold_masks)
    ->ArgNames({"schema", "large"})
    ->ArgsProduct({{0, 1}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

/// One decode step of 16 rows of different texts, 30 tokens in.
void warm_step(benchmark::State& state) {
  const Grammar grammar = Grammar::json_schema(kSchemas[state.range(0)]);
  const TokenTrie& trie = vocabulary(state.range(1));
  const TokenMasks masks(grammar, trie);
  const GrammarFilter filter(masks);
  const std::vector<std::vector<Token>> texts = draw_texts(masks, kRows, 30);
  for (const std::vector<Token>& text : texts) {
    for (std::size_t n = 0; n < text.size(); ++n)
      static_cast<void>(filter.state_after(std::span(text).first(n)).allowed());
  }
  LogitSet logits;
  const std::vector<float> values(trie.vocabulary_size(), 0.5F);
  for (auto _ : state) {
    std::chrono::duration<double> time{};
    for (const std::vector<Token>& text : texts) {
      logits.assign(values);  // as a sampler does right before its filters
      const auto begin = std::chrono::steady_clock::now();
      filter.apply(logits, {std::span(text).first(text.size() - 1), 0});
      time += std::chrono::steady_clock::now() - begin;
    }
    state.SetIterationTime(time.count());
  }
}
BENCHMARK(warm_step)
    ->ArgNames({"schema", "large"})
    ->ArgsProduct({{0, 1}, {0, 1}})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);

void build_trie(benchmark::State& state) {
  std::vector<std::string> tokens;
  const TokenTrie& trie = vocabulary(state.range(0));
  for (std::size_t t = 0; t < trie.vocabulary_size(); ++t)
    tokens.emplace_back(trie.token_bytes(static_cast<Token>(t)));
  for (auto _ : state) benchmark::DoNotOptimize(TokenTrie(tokens, trie.end_tokens()));
}
BENCHMARK(build_trie)->ArgName("large")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
