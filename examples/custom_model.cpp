// SPDX-License-Identifier: Apache-2.0
// A custom language model needs three members. Here: bigrams of letters, counted in one sentence
// per expert.
//
//   build/demo/examples/custom_model
//
// Prints the sixteen words that the eight experts generate, and the one that is most likely under
// all of them together.
#include <array>
#include <cmath>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/tutti.hpp"

/// p(next letter | letter) from smoothed counts. Tokens are the bytes of ASCII text.
class BigramModel {
 public:
  explicit BigramModel(std::string_view text) : counts_(128 * 128, 0.01F) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i)
      ++counts_[at(text[i]) * 128 + at(text[i + 1])];
  }
  static std::size_t vocabulary_size() { return 128; }
  static std::size_t context_length() { return 1000; }
  void next_logits(std::span<const tutti::Token> context, std::span<float> logits) const {
    for (std::size_t t = 0; t < 128; ++t)
      logits[t] = std::log(counts_[static_cast<std::size_t>(context.back()) * 128 + t]);
  }

 private:
  static std::size_t at(char c) { return static_cast<std::size_t>(c) & 127U; }
  std::vector<float> counts_;
};

int main() {
  constexpr std::array<std::string_view, 8> kSentences{
      "the cat sat on the mat and then the cat ran ",
      "these are the things that they thought of there ",
      "rain and then more rain on the train in maine ",
      "another mother gathers feathers for her brother ",
      "she sells sea shells at the shore of the sea ",
      "one hen then ten hens and then ten more hens ",
      "no man is an island entire of itself they say ",
      "in the end there is the end and not the mean "};
  const std::vector<BigramModel> experts(kSentences.begin(), kSentences.end());

  tutti::TextCodec codec;
  codec.encode = [](std::string_view text) {
    return std::vector<tutti::Token>(text.begin(), text.end());
  };
  codec.token_bytes = [](tutti::Token token) { return std::string(1, static_cast<char>(token)); };

  tutti::Ensemble ensemble(experts, codec, tutti::CrossExpertLikelihood{});
  tutti::Request request;
  request.prompt = "t";
  request.samples_per_expert = 2;
  request.max_new_tokens = 12;
  request.stop_strings = {" "};
  const tutti::Result result = ensemble.generate(request);
  for (const tutti::Candidate& candidate : result.candidates)
    std::cout << "t" << candidate.text << " (" << candidate.score << ")\n";
  std::cout << "picked: t" << result.text() << "\n";
}
