// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/text/grammar/support.hpp"
#include "tutti/sampler/chain.hpp"
#include "tutti/text/grammar/grammar_filter.hpp"

using namespace tutti;
using tutti::test::byte_vocabulary;
using tutti::test::contains;

namespace {

/// The tokens of a mask.
std::vector<Token> tokens_of(const GrammarState& state, const TokenTrie& vocabulary) {
  std::vector<Token> tokens;
  const auto mask = state.allowed();
  for (Token t = 0; t < static_cast<Token>(vocabulary.vocabulary_size()); ++t) {
    if (mask->contains(t)) tokens.push_back(t);
  }
  CHECK(tokens.size() == mask->count);
  return tokens;
}

}  // namespace

TEST_CASE("A mask has the tokens that go on, and the end where the text may end",
          "[text][grammar]") {
  // Tokens 0 to 255 are bytes; 256 is "ab", 257 "abc", 258 "bc", 259 "abx", 260 the end.
  const TokenTrie vocabulary = byte_vocabulary({"ab", "abc", "bc", "abx"});
  const TokenMasks masks(Grammar::regex("abc|abcd*"), vocabulary);
  GrammarState state = masks.start();
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{'a', 256, 257});
  CHECK_FALSE(state.may_end());
  const GrammarState fork = state;
  state.advance(256);
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{'c'});
  state.advance('c');
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{'d', 260});
  CHECK(state.may_end());
  CHECK_THROWS_AS(state.advance('x'), GrammarDeadEnd);
  CHECK_THROWS_WITH(state.advance(259), contains("token 259 (\"abx\") is not allowed"));
  state.advance(260);
  CHECK(state.has_ended());
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{260});
  CHECK(tokens_of(fork, vocabulary) == std::vector<Token>{'a', 256, 257});
  CHECK_THROWS_WITH(masks.start().advance(260), contains("does not let the text end"));
  CHECK_THROWS_AS(masks.start().advance(261), OptionError);
}

TEST_CASE("Tokens that are equal, empty, special or parts of code points", "[text][grammar]") {
  const std::vector<std::string> tokens{"é", "\xC3", "\xA9", "", "é", "\xA9z", "<end>"};
  const Token end[] = {6};
  const TokenTrie vocabulary(tokens, end);
  const TokenMasks masks(Grammar::regex("éz?"), vocabulary);
  GrammarState state = masks.start();
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{0, 1, 4});
  state.advance(1);
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{2, 5});
  state.advance(5);
  CHECK(tokens_of(state, vocabulary) == std::vector<Token>{6});
  CHECK_THROWS_AS(TokenTrie(tokens, std::vector<Token>{}), OptionError);
  CHECK_THROWS_AS(TokenTrie(tokens, std::vector<Token>{7}), OptionError);
}

TEST_CASE("Masks equal those of trying every token, also where counters are far from their limits",
          "[text][grammar]") {
  const TokenTrie vocabulary = byte_vocabulary(
      {"aa", "aaa", "aaaa", "ab", "bb", "\"a", "a\"", "],["});
  const auto token_count = static_cast<Token>(vocabulary.vocabulary_size());
  for (const char* pattern :
       {"a{3,60}b", "(a{2,40}b?){2,30}", "a{50}", "(aa|a){9,300}b", "a{20,}b*"}) {
    INFO(pattern);
    const Grammar grammar = Grammar::regex(pattern);
    const TokenMasks masks(grammar, vocabulary);
    for (std::uint32_t seed = 0; seed < 6; ++seed) {
      std::mt19937 random(seed);
      GrammarState state = masks.start();
      for (int step = 0; step < 80; ++step) {
        const auto mask = state.allowed();
        std::vector<Token> allowed;
        for (Token t = 0; t < token_count; ++t) {
          GrammarState after = state;
          bool goes_on = true;
          try {
            after.advance(t);
          } catch (const GrammarDeadEnd&) {
            goes_on = false;
          }
          if (mask->contains(t) != goes_on) FAIL("token " << t << " after " << step << " tokens");
          if (goes_on && !vocabulary.is_end(t)) allowed.push_back(t);
        }
        if (allowed.empty()) break;
        state.advance(allowed[random() % allowed.size()]);
      }
    }
  }
}

TEST_CASE("A full cache is emptied and states go on", "[text][grammar]") {
  const TokenTrie vocabulary = byte_vocabulary();
  const Grammar grammar = Grammar::json_schema("{}");
  const TokenMasks masks(grammar, vocabulary, {.max_cache_bytes = 20000});
  GrammarState state = masks.start();
  GrammarState old = state;
  std::string text;
  for (int i = 0; i < 500; ++i) {
    state.advance('[');
    CHECK(state.allowed()->contains(']'));
    text += '[';
    if (i == 3) old = state;
  }
  CHECK_FALSE(old.shares_cache_with(state));
  for (int i = 0; i < 500; ++i) state.advance(']');
  CHECK(state.may_end());
  for (int i = 0; i < 4; ++i) old.advance(']');
  CHECK(old.may_end());
  CHECK(masks.cache_bytes() < 200000);
}

TEST_CASE("Nesting beyond the limit is not allowed rather than an error", "[text][grammar]") {
  const TokenTrie vocabulary = byte_vocabulary();
  const TokenMasks masks(Grammar::json_schema("{}"), vocabulary);
  GrammarState state = masks.start();
  std::size_t depth = 0;
  while (state.allowed()->contains('[') && depth < 100000) {
    state.advance('[');
    ++depth;
  }
  CHECK(depth > 1000);
  CHECK(depth < 100000);
  CHECK(state.allowed()->contains(']'));
}

TEST_CASE("A filter leaves the tokens of the mask and follows every candidate", "[text][grammar]") {
  const TokenTrie vocabulary = byte_vocabulary();
  const GrammarFilter filter(Grammar::regex("ab?c"), vocabulary);
  const std::vector<Token> prompt{'x', 'y'};
  const auto left = [&](const std::vector<Token>& generated, std::size_t vocabulary_size) {
    std::vector<Token> history = prompt;
    history.insert(history.end(), generated.begin(), generated.end());
    LogitSet logits;
    logits.assign(std::vector<float>(vocabulary_size, 0.5F));
    filter.apply(logits, {history, prompt.size()});
    std::vector<Token> tokens;
    for (const TokenLogit& entry : logits.entries()) tokens.push_back(entry.token);
    return tokens;
  };
  CHECK(left({}, 257) == std::vector<Token>{'a'});
  CHECK(left({'a'}, 257) == std::vector<Token>{'b', 'c'});
  CHECK(left({'a', 'c'}, 257) == std::vector<Token>{256});
  CHECK(left({'a', 'b'}, 257) == std::vector<Token>{'c'});
  CHECK(left({'a', 'c', 256}, 257) == std::vector<Token>{256});
  // Models may have more logits than the tokenizer has tokens, or fewer.
  CHECK(left({'a'}, 300) == std::vector<Token>{'b', 'c'});
  CHECK(left({'a'}, 'b' + 1) == std::vector<Token>{'b'});
  CHECK_THROWS_AS(left({'b'}, 257), GrammarDeadEnd);
  CHECK_THROWS_AS(left({'a', 'c', 'c'}, 257), GrammarDeadEnd);

  // After another filter has made a list of the logits.
  LogitSet list;
  list.assign(std::vector<float>(257, 0.5F));
  list.keep_if([](const TokenLogit& entry) { return entry.token % 2 == 0; });
  filter.apply(list, {std::vector<Token>{'a'}, 0});
  REQUIRE(list.size() == 1);
  CHECK(list.entries()[0].token == 'b');
}

TEST_CASE("A grammar that the vocabulary cannot express ends the request with its own error",
          "[text][grammar]") {
  const std::vector<std::string> tokens{"a", "b", ""};
  const Token end[] = {2};
  const GrammarFilter filter(Grammar::regex("a!"), TokenTrie(tokens, end));
  LogitSet logits;
  logits.assign(std::vector<float>{1, 2, 3});
  filter.apply(logits, {});
  logits.assign(std::vector<float>{1, 2, 3});
  CHECK_THROWS_AS(filter.apply(logits, {std::vector<Token>{0}, 0}), GrammarDeadEnd);
  CHECK_THROWS_WITH(filter.apply(logits, {std::vector<Token>{0}, 0}),
                    contains("no token is allowed after 1 generated tokens"));
}

TEST_CASE("A filter in a request's sampler chain, in several threads", "[text][grammar]") {
  const TokenTrie vocabulary = byte_vocabulary();
  const Grammar grammar = Grammar::json_schema(
      R"({"type":"object","properties":{"n":{"type":"integer","maximum":9999,"minimum":0},)"
      R"("s":{"type":"string","maxLength":9,"pattern":"^[a-z]*$"}},"required":["n","s"]})");
  const SamplerChain chain(SamplingOptions{}, {GrammarFilter(grammar, vocabulary)});
  std::vector<std::string> texts(64);
  std::vector<std::thread> threads;
  for (std::size_t first = 0; first < 4; ++first) {
    threads.emplace_back([&, first] {
      SamplerScratch scratch;
      for (std::size_t sample = first; sample < texts.size(); sample += 4) {
        std::vector<Token> history{'?'};
        const std::vector<float> logits(257, 0.0F);
        while (history.back() != 256) {
          DrawKey key{};
          key.sample = static_cast<std::uint16_t>(sample % 16);
          key.position = static_cast<std::uint32_t>(history.size());
          history.push_back(chain.sample(logits, {history, 1}, key, scratch));
        }
        for (std::size_t i = 1; i + 1 < history.size(); ++i)
          texts[sample] += static_cast<char>(history[i]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO(texts[i]);
    CHECK(grammar.matches(texts[i]));
    CHECK(texts[i] == texts[i % 16]);
  }
}

TEST_CASE("Very ambiguous grammars are refused", "[text][grammar]") {
  std::string alternatives = "root ::= x0";
  for (int i = 1; i < 5000; ++i) alternatives += " | x" + std::to_string(i);
  for (int i = 0; i < 5000; ++i)
    alternatives += "\nx" + std::to_string(i) + " ::= [ab]+ \"" + std::to_string(i) + "\"";
  CHECK_THROWS_WITH(Grammar::gbnf(alternatives), contains("more than 4096 ways"));

  // 2000 parses at each of 20,000 nodes of the vocabulary.
  std::string pattern;
  for (int i = 0; i < 2000; ++i)
    pattern += (i > 0 ? "|" : "") + std::string("[a-z]+") + std::to_string(i);
  std::vector<std::string> tokens;
  for (char a = 'a'; a <= 'z'; ++a) {
    for (char b = 'a'; b <= 'z'; ++b) {
      for (char c = 'a'; c <= 'z'; ++c) tokens.push_back({a, b, c});
    }
  }
  const TokenMasks masks(Grammar::regex(pattern), byte_vocabulary(tokens));
  CHECK_THROWS_WITH(masks.start().allowed(), contains("too ambiguous"));
}
