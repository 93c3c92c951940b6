// SPDX-License-Identifier: Apache-2.0
#include "tutti/backend/kv_page_table.hpp"

#include <random>

#include "tests/support/catch.hpp"

using namespace tutti;
using tutti::test::contains;

namespace {

void append(KvPageTable& cache, SequenceId sequence, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) (void)cache.append(sequence);
}

/// Appends what `text` has beyond the sequence.
void complete(KvPageTable& cache, SequenceId sequence, const std::vector<Token>& text) {
  for (std::size_t i = cache.length(sequence); i < text.size(); ++i)
    (void)cache.append(sequence, text[i]);
  (void)cache.take_copies();
  cache.publish_pages();
}

std::vector<Token> text_of(std::size_t length, Token first = 0) {
  std::vector<Token> text(length);
  for (std::size_t i = 0; i < length; ++i) text[i] = first + static_cast<Token>(i);
  return text;
}

using Spans = std::vector<PageSpan>;

}  // namespace

TEST_CASE("A sequence fills one page after the other", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId sequence = cache.create();
  append(cache, sequence, kPagePositions);
  const PageSlot slot = cache.append(sequence);
  CHECK(slot.page == 1);
  CHECK(slot.offset == 0);
  CHECK(cache.length(sequence) == kPagePositions + 1);
  CHECK(cache.spans(sequence, kPagePositions + 1) == Spans{{0, 64}, {1, 1}});
  CHECK(cache.spans(sequence, 10) == Spans{{0, 10}});
}

TEST_CASE("Samples share the full pages of their prompt and continue copies of its last one",
          "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId prompt = cache.create();
  append(cache, prompt, 70);
  const SequenceId first = cache.fork(prompt, 70);
  const SequenceId second = cache.fork(prompt, 70);
  CHECK(cache.pages_in_use() == 2);
  const PageSlot slot = cache.append(first);
  CHECK(slot.page == 2);
  CHECK(slot.offset == 6);
  append(cache, first, 1);
  append(cache, second, 1);
  CHECK(cache.take_copies() == std::vector<PageCopy>{{1, 2}, {1, 3}});
  CHECK(cache.take_copies().empty());
  CHECK(cache.spans(first, 72) == Spans{{0, 64}, {2, 8}});
  CHECK(cache.spans(second, 71) == Spans{{0, 64}, {3, 7}});
  CHECK(cache.pages_in_use() == 4);
}

TEST_CASE("The last user of a page continues it without a copy", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId prompt = cache.create();
  append(cache, prompt, 10);
  const SequenceId sample = cache.fork(prompt, 10);
  cache.release(prompt);
  CHECK(cache.append(sample).page == 0);
  CHECK(cache.take_copies().empty());
}

TEST_CASE("A fork at the end of a page copies nothing", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId prompt = cache.create();
  append(cache, prompt, 100);
  const SequenceId sample = cache.fork(prompt, 64);
  CHECK(cache.pages_to_append(sample, 1) == 1);
  CHECK(cache.append(sample).offset == 0);
  CHECK(cache.take_copies().empty());
  CHECK(cache.spans(sample, 65) == Spans{{0, 64}, {2, 1}});
}

TEST_CASE("What a parent appends after the fork is not the child's", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId parent = cache.create();
  append(cache, parent, 5);
  const SequenceId child = cache.fork(parent, 3);
  append(cache, parent, 5);
  append(cache, child, 1);
  CHECK(cache.length(child) == 4);
  CHECK(cache.spans(parent, 10) == Spans{{1, 10}});
  CHECK(cache.spans(child, 4) == Spans{{0, 4}});
  CHECK(cache.take_copies() == std::vector<PageCopy>{{0, 1}});
}

TEST_CASE("A truncated sequence continues in its last page", "[kv_page_table]") {
  KvPageTable cache(10);
  const SequenceId sequence = cache.create();
  append(cache, sequence, 200);
  cache.truncate(sequence, 65);
  CHECK(cache.pages_in_use() == 2);
  CHECK(cache.append(sequence).offset == 1);
  CHECK(cache.spans(sequence, 66) == Spans{{0, 64}, {1, 2}});
  CHECK_THROWS_WITH(cache.truncate(sequence, 67), contains("66 positions to 67"));
  cache.truncate(sequence, 0);
  CHECK(cache.pages_in_use() == 0);
}

TEST_CASE("How many pages an append takes is known before", "[kv_page_table]") {
  KvPageTable cache(100);
  const SequenceId sequence = cache.create();
  CHECK(cache.pages_to_append(sequence, 0) == 0);
  CHECK(cache.pages_to_append(sequence, 1) == 1);
  CHECK(cache.pages_to_append(sequence, 64) == 1);
  CHECK(cache.pages_to_append(sequence, 65) == 2);
  append(cache, sequence, 10);
  CHECK(cache.pages_to_append(sequence, 54) == 0);
  CHECK(cache.pages_to_append(sequence, 55) == 1);
  const SequenceId child = cache.fork(sequence, 10);
  CHECK(cache.pages_to_append(child, 0) == 0);
  CHECK(cache.pages_to_append(child, 54) == 1);  // a copy
  CHECK(cache.pages_to_append(child, 55) == 2);
}

TEST_CASE("Pages return to the pool when their last user is released", "[kv_page_table]") {
  KvPageTable cache(3);
  const SequenceId prompt = cache.create();
  append(cache, prompt, 1);
  const SequenceId sample = cache.fork(prompt, 1);
  append(cache, sample, 1);
  cache.release(prompt);
  CHECK(cache.pages_in_use() == 1);
  cache.release(sample);
  CHECK(cache.pages_in_use() == 0);
  const SequenceId next = cache.create();
  append(cache, next, 3 * kPagePositions);
  CHECK(cache.pages_needed() == 3);
}

TEST_CASE("A full cache says how many pages it has, and works on after a release",
          "[kv_page_table]") {
  KvPageTable cache(2);
  const SequenceId sequence = cache.create();
  append(cache, sequence, 2 * kPagePositions);
  CHECK_THROWS_AS(cache.append(sequence), CapacityError);
  CHECK_THROWS_WITH(cache.append(sequence),
                    contains("1 more pages are needed, and 2 of all 2 pages of 64 positions are"));
  cache.clear();
  const SequenceId again = cache.create();
  CHECK(cache.append(again).page == 0);
}

TEST_CASE("Sequences that do not exist and forks beyond the end are refused", "[kv_page_table]") {
  KvPageTable cache(2);
  const SequenceId sequence = cache.create();
  append(cache, sequence, 4);
  CHECK_THROWS_WITH(cache.fork(sequence, 5), contains("5 positions of a sequence that has 4"));
  CHECK_THROWS_AS(cache.length(7), OptionError);
  cache.release(sequence);
  CHECK_THROWS_AS(cache.append(sequence), OptionError);
}

TEST_CASE("A text finds the full pages of an earlier one that begins alike", "[kv_page_table]") {
  KvPageTable cache(10);
  const std::vector<Token> text = text_of(200);
  const SequenceId first = cache.open(0, text);
  CHECK(cache.length(first) == 0);
  complete(cache, first, text);
  SECTION("while it is in use") {}
  SECTION("after its release") {
    cache.release(first);
    CHECK(cache.pages_in_use() == 0);
    CHECK(cache.idle_pages() == 3);
    CHECK(cache.pages_left() == 10);
  }
  std::vector<Token> other = text;
  other[150] = 7;  // in the third page
  CHECK(cache.length(cache.open(0, other)) == 128);
  CHECK(cache.length(cache.open(0, text)) == 192);
  CHECK(cache.length(cache.open(1, text)) == 0);  // another expert
  other = text;
  other[0] = 7;
  CHECK(cache.length(cache.open(0, other)) == 0);  // the second page has other pages before it
}

TEST_CASE("The last token of a text is always left to compute", "[kv_page_table]") {
  KvPageTable cache(10);
  complete(cache, cache.open(0, text_of(128)), text_of(128));
  CHECK(cache.length(cache.open(0, text_of(128))) == 64);
  CHECK(cache.length(cache.open(0, text_of(129))) == 128);
  CHECK(cache.length(cache.open(0, {})) == 0);
}

TEST_CASE("Pages computed twice are kept once", "[kv_page_table]") {
  KvPageTable cache(10);
  const std::vector<Token> text = text_of(100);
  const SequenceId first = cache.open(0, text), second = cache.open(0, text);
  for (const Token token : text) (void)cache.append(first, token);
  for (const Token token : text) (void)cache.append(second, token);
  CHECK(cache.pages_in_use() == 4);
  cache.publish_pages();
  CHECK(cache.pages_in_use() == 3);
  CHECK(cache.spans(first, 64) == cache.spans(second, 64));
  CHECK(cache.spans(first, 100) != cache.spans(second, 100));
}

TEST_CASE("Pages are not found before they are computed", "[kv_page_table]") {
  KvPageTable cache(10);
  const std::vector<Token> text = text_of(100);
  const SequenceId sequence = cache.open(0, text);
  for (const Token token : text) (void)cache.append(sequence, token);
  CHECK(cache.length(cache.open(0, text)) == 0);
  cache.publish_pages();
  CHECK(cache.length(cache.open(0, text)) == 64);
}

TEST_CASE(
    "The page that was used least recently is evicted first, and the last of a text before "
    "those that it continues",
    "[kv_page_table]") {
  KvPageTable cache(5);
  const std::vector<Token> a = text_of(128, 1000), b = text_of(128, 2000);
  for (const auto& text : {a, b}) {
    const SequenceId sequence = cache.open(0, text);
    complete(cache, sequence, text);
    cache.release(sequence);
  }
  CHECK(cache.idle_pages() == 4);
  std::vector<Token> longer_a = a;
  longer_a.push_back(1);
  cache.release(cache.open(0, longer_a));  // uses a again: now b was used least recently
  const SequenceId other = cache.create();
  append(cache, other, 2 * 64);  // the fifth page, then the last of b
  CHECK(cache.idle_pages() == 3);
  std::vector<Token> longer_b = b;
  longer_b.push_back(1);
  const SequenceId found = cache.open(0, longer_b);
  CHECK(cache.length(found) == 64);
  CHECK(cache.length(cache.open(0, longer_a)) == 128);
  CHECK(cache.pages_left() == 0);
  CHECK_THROWS_AS(append(cache, other, 1), CapacityError);
  cache.release(found);
  CHECK_NOTHROW(append(cache, other, 1));
}

TEST_CASE("Truncated and forked texts are found, too", "[kv_page_table]") {
  KvPageTable cache(20);
  std::vector<Token> text = text_of(150);
  const SequenceId sequence = cache.open(0, text);
  complete(cache, sequence, text);
  const SequenceId fork = cache.fork(sequence, 100);  // within its second page
  cache.truncate(sequence, 70);
  text = text_of(70);
  for (Token t = 0; t < 60; ++t) text.push_back(500 + t);
  complete(cache, sequence, text);
  CHECK(cache.length(cache.open(0, text)) == 128);
  CHECK(cache.length(cache.open(0, text_of(150))) == 128);
  std::vector<Token> forked = text_of(100);
  for (Token t = 0; t < 60; ++t) forked.push_back(900 + t);
  complete(cache, fork, forked);
  CHECK(cache.length(cache.open(0, forked)) == 128);
}

TEST_CASE("Tokens that are not named end what can be found", "[kv_page_table]") {
  KvPageTable cache(20);
  const std::vector<Token> text = text_of(64);
  const SequenceId sequence = cache.open(0, text_of(65));
  complete(cache, sequence, text);
  append(cache, sequence, 100);
  cache.publish_pages();
  CHECK(cache.length(cache.open(0, text_of(150))) == 64);
}

TEST_CASE("Tokens that are named later let the full pages be found", "[kv_page_table]") {
  KvPageTable cache(10);
  const std::vector<Token> text = text_of(150);
  const SequenceId sequence = cache.open(0, text);
  complete(cache, sequence, text_of(70));
  append(cache, sequence, 80);
  cache.publish_pages();
  CHECK_THROWS_WITH(cache.publish(sequence, 0, text_of(149)),
                    contains("149 tokens were given for a sequence of 150 positions"));
  cache.publish(sequence, 0, text);
  cache.release(sequence);
  CHECK(cache.idle_pages() == 2);
  CHECK(cache.length(cache.open(0, text)) == 128);
  CHECK(cache.length(cache.open(1, text)) == 0);
}

TEST_CASE("Evicted pages are returned for their memory to be freed", "[kv_page_table]") {
  KvPageTable cache(20);
  const std::vector<Token> text = text_of(130);
  const SequenceId sequence = cache.open(0, text);
  complete(cache, sequence, text);
  CHECK(cache.evict_idle().empty());
  cache.release(sequence);
  CHECK(cache.evict_idle().size() == 3);
  CHECK(cache.idle_pages() == 0);
  CHECK(cache.length(cache.open(0, text)) == 0);
}

TEST_CASE("Random forks, truncations, releases and lookups keep every sequence's contents",
          "[kv_page_table]") {
  // The contents of pages that a backend would hold are simulated.
  constexpr std::size_t kPages = 40;
  std::mt19937 random(7);
  KvPageTable cache(kPages);
  std::vector<std::array<Token, kPagePositions>> memory(kPages);
  std::vector<std::pair<SequenceId, std::vector<Token>>> sequences;
  std::size_t hits = 0, refusals = 0, copies = 0;
  const auto below = [&](std::size_t n) { return std::size_t{random()} % n; };
  for (int step = 0; step < 20000; ++step) {
    const std::size_t action = below(10);
    if (sequences.empty() || (action == 0 && sequences.size() < 12)) {
      std::vector<Token> text(1 + below(200));
      for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<Token>(i / 64 + below(100) / 99);  // few different texts
      const SequenceId id = cache.open(0, text);
      hits += cache.length(id) > 0 ? 1 : 0;
      text.resize(cache.length(id));
      sequences.emplace_back(id, text);
    } else if (action == 1 && sequences.size() < 12) {
      const auto& parent = sequences[below(sequences.size())];
      const std::size_t length = below(parent.second.size() + 1);
      sequences.emplace_back(
          cache.fork(parent.first, length),
          std::vector<Token>(parent.second.begin(),
                             parent.second.begin() + static_cast<std::ptrdiff_t>(length)));
    } else if (action == 2) {
      auto& [id, text] = sequences[below(sequences.size())];
      text.resize(below(text.size() + 1));
      cache.truncate(id, text.size());
    } else if (action == 3) {
      const std::size_t i = below(sequences.size());
      cache.release(sequences[i].first);
      sequences.erase(sequences.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      auto& [id, text] = sequences[below(sequences.size())];
      const std::size_t count = below(100);
      if (cache.pages_to_append(id, count) > cache.pages_left()) {
        ++refusals;
        continue;
      }
      std::vector<std::pair<PageSlot, Token>> writes;
      for (std::size_t i = 0; i < count; ++i) {
        const auto token = static_cast<Token>(text.size() / 64 + below(100) / 99);
        writes.emplace_back(cache.append(id, token), token);
        text.push_back(token);
      }
      for (const PageCopy& copy : cache.take_copies()) {
        memory[copy.to] = memory[copy.from];
        ++copies;
      }
      for (const auto& [slot, token] : writes) memory[slot.page][slot.offset] = token;
      cache.publish_pages();
    }
    for (const auto& [id, text] : sequences) {
      REQUIRE(cache.length(id) == text.size());
      std::vector<Token> found;
      for (const PageSpan& span : cache.spans(id, text.size()))
        found.insert(found.end(), memory[span.page].begin(),
                     memory[span.page].begin() + span.count);
      REQUIRE(found == text);
    }
    REQUIRE(cache.pages_in_use() + cache.pages_left() == kPages);
  }
  CHECK(hits > 100);
  CHECK(refusals > 100);
  CHECK(copies > 100);
}
