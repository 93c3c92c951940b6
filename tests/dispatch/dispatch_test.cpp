// SPDX-License-Identifier: Apache-2.0
// The compiled library in a program without processor flags.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/base/instruction_set.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/base/numeric/probability.hpp"
#include "tutti/sampler/draw.hpp"
#include "tutti/transformer/transformer.hpp"
#include "tutti/version.hpp"

using namespace tutti;
using tutti::test::contains;

namespace {

/// Restores the instruction set at the end of its scope.
struct Restore {
  InstructionSet set = instruction_set();
  ~Restore() { use_instruction_set(set); }
};

std::vector<float> logits_of(std::string_view model, CpuOptions options) {
  const auto transformer = Transformer<Cpu>::load(std::filesystem::path(TUTTI_TEST_DATA) /
                                                  "transformer" / model);
  BatchedTransformer<Cpu> batched(std::span(&transformer.weights(), 1), options);
  std::vector<Row> rows;
  const SequenceId sequence = batched.create();
  for (std::uint32_t i = 0; i < 40; ++i)
    rows.push_back({0, sequence, i, static_cast<Token>(i % batched.vocabulary_size())});
  const std::uint32_t last = 39;
  const auto logits = batched.forward(rows, std::span(&last, 1)).row_span(0);
  return {logits.begin(), logits.end()};
}

}  // namespace

TEST_CASE("the chosen instruction set is the best one available unless the environment says so") {
  const auto available = available_instruction_sets();
  REQUIRE_FALSE(available.empty());
  if (std::getenv("TUTTI_INSTRUCTION_SET") == nullptr) CHECK(instruction_set() == available[0]);
  CHECK(Cpu().instruction_set() == instruction_set());
#if defined(__x86_64__)
  CHECK(std::ranges::find(available, InstructionSet::portable) != available.end());
#endif
}

TEST_CASE("a backend can be pinned to any available instruction set, and computes the same model") {
  for (const char* model : {"llama", "gguf/q4_0.gguf", "gguf/q8_0.gguf", "gguf/q4_k_m.gguf"}) {
    const std::vector<float> expected = logits_of(model, {.threads = 1});
    for (const InstructionSet set : available_instruction_sets()) {
      INFO(model << " with " << name_of(set));
      const std::vector<float> found = logits_of(model, {.threads = 1, .instruction_set = set});
      REQUIRE(found.size() == expected.size());
      float worst = 0;
      for (std::size_t i = 0; i < found.size(); ++i)
        worst = std::max(worst, std::fabs(found[i] - expected[i]));
      CHECK(worst < 2e-3F);
      const std::vector<float> again = logits_of(model, {.threads = 2, .instruction_set = set});
      CHECK(std::memcmp(found.data(), again.data(), found.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("draws are the same with every instruction set that has fused multiply-adds") {
  const Restore restore;
  std::vector<float> logits(5000);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = std::sin(static_cast<float>(i)) * 5.0F;
  const auto draws = [&] {
    std::vector<Token> tokens;
    for (std::uint32_t position = 0; position < 200; ++position)
      tokens.push_back(draw(logits, DrawKey{.seed = 3, .position = position}));
    return tokens;
  };
  std::vector<Token> expected;
  for (const InstructionSet set : available_instruction_sets()) {
    if (set == InstructionSet::portable) continue;
    use_instruction_set(set);
    INFO(name_of(set));
    const std::vector<Token> found = draws();
    if (expected.empty()) expected = found;
    CHECK(found == expected);
  }
}

TEST_CASE("an instruction set that is absent is refused, with those there are") {
#if defined(__x86_64__)
  const InstructionSet absent = InstructionSet::neon;
#else
  const InstructionSet absent = InstructionSet::avx2;
#endif
  CHECK_THROWS_WITH(use_instruction_set(absent),
                    contains(std::string(name_of(absent)) + " was asked for") &&
                        contains(std::string(name_of(available_instruction_sets().back()))));
  CHECK_THROWS_AS(Cpu({.instruction_set = absent}), OptionError);
}

TEST_CASE("a compiled library of another version than the headers is refused") {
  CHECK_NOTHROW(tutti::detail::check_compiled_version(TUTTI_VERSION_MAJOR, TUTTI_VERSION_MINOR,
                                                      TUTTI_VERSION_PATCH));
  CHECK_THROWS_WITH(tutti::detail::check_compiled_version(9, 8, 7),
                    contains("headers of tutti 9.8.7") && contains("build both"));
}
