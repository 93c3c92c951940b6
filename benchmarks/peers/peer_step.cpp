// SPDX-License-Identifier: Apache-2.0
// Tutti's half of the comparison in compare_llama_cpp.py: prefill of 128 tokens, then decoding of
// several sequences after this prompt.
//   peer_step MODEL THREADS SEQUENCES STEPS        prints one JSON object
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "tutti/backend/cpu/cpu.hpp"
#include "tutti/transformer/transformer.hpp"

int main(int argc, char** argv) {
  using namespace tutti;
  if (argc != 5) return std::fprintf(stderr, "usage: peer_step MODEL THREADS SEQUENCES STEPS\n"), 2;
  constexpr std::uint32_t kPrompt = 128;
  const auto model = Transformer<Cpu>::load(argv[1]);
  const auto sequences = static_cast<std::uint32_t>(std::atoi(argv[3]));
  BatchedTransformer<Cpu> stack(std::span(&model.weights(), 1),
                                {static_cast<std::size_t>(std::atoi(argv[2]))});
  const auto seconds_of = [](auto work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::vector<Row> rows;
  const std::uint32_t last = kPrompt - 1;
  double prefill = 0;
  for (int round = 0; round < 2; ++round) {  // the first maps the file and allocates
    stack.clear();
    const SequenceId prompt = stack.create();
    rows.clear();
    for (std::uint32_t p = 0; p < kPrompt; ++p)
      rows.push_back({0, prompt, p, static_cast<Token>((7 * p + 11) % 49152)});
    prefill = seconds_of([&] { stack.forward(rows, std::span(&last, 1)); });
    rows.clear();
    for (std::uint32_t s = 0; s < sequences; ++s)
      rows.push_back({0, stack.fork(prompt, kPrompt), kPrompt, 0});
  }
  std::vector<std::uint32_t> outputs(sequences);
  for (std::uint32_t s = 0; s < sequences; ++s) outputs[s] = s;
  std::vector<double> steps;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    for (std::uint32_t s = 0; s < sequences; ++s)
      rows[s].token = (5 * i + 3 * static_cast<Token>(s + 1)) % 49152;
    steps.push_back(seconds_of([&] { stack.forward(rows, outputs); }));
    for (Row& row : rows) ++row.position;
  }
  std::sort(steps.begin(), steps.end());
  std::printf("{\"prefill_seconds\": %.9g, \"step_seconds\": %.9g}\n", prefill,
              steps[steps.size() / 2]);
}
