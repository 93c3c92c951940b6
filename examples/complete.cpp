// SPDX-License-Identifier: Apache-2.0
// Answers a prompt with an ensemble: eight experts, two samples each, all sixteen written in one
// batch.
//
//   build/demo/examples/complete "Why is the sky blue?"          (complete --help lists what can be
//   chosen)
//
// Shows the first candidate as it is written, a table of all with their scores, the answer, and
// what it cost.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "complete/components.hpp"
#include "complete/options.hpp"
#include "complete/progress.hpp"
#include "complete/report.hpp"
#include "tutti/tutti.hpp"

namespace complete {

using Model = tutti::Transformer<tutti::Cpu>;
using Ensemble =
    tutti::Ensemble<std::dynamic_extent, Model, AnyScorer, tutti::AllExperts, AnySelector>;

/// The prompt in the model's chat format, unless it has none or --raw was given.
std::string render_prompt(const Options& options, const tutti::Tokenizer& tokenizer) {
  if (options.raw || tokenizer.chat_template().empty()) return options.prompt;
  std::vector<tutti::ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  messages.push_back({"user", options.prompt});
  return tutti::chat_template_of(tokenizer).render(messages);
}

void run(Options options) {
  const auto [experts, tokenizer] = load_experts(options);
  tutti::require<tutti::ModelError>(tokenizer != nullptr, options.models.front(),
                                    ": has no tokenizer to read the prompt with");
  tutti::StackOptions stack_options;
  stack_options.kv_type = options.kv_type;
  stack_options.context_length = options.context;
  Ensemble ensemble(Ensemble::Stack(experts, {options.threads}, stack_options),
                    tutti::codec_of(tokenizer, experts[0].config().eos_tokens),
                    make_scorer(options), {}, make_selector(options.selector));
  options.request.prompt = render_prompt(options, *tokenizer);

  const bool talk = !options.json && !options.quiet;
  const std::size_t candidates = options.fuse.empty()
                                     ? experts.size() * options.request.samples_per_expert
                                     : 1;
  auto progress = std::make_unique<Progress>(candidates, options.request.max_new_tokens);
  if (talk) {
    std::printf("%s\n\n%zu expert%s x %zu samples; expert 0, sample 0 writes:\n",
                options.prompt.c_str(), experts.size(), experts.size() == 1 ? "" : "s",
                options.fuse.empty() ? options.request.samples_per_expert : 1);
    options.request.stream = [&](const tutti::StreamEvent& event) { progress->take(event); };
  }
  if (options.fuse.empty()) {
    const tutti::Result result = ensemble.generate(options.request);
    progress.reset();
    if (options.json) std::printf("%s\n", to_json(result).dump(2).c_str());
    if (options.quiet) std::printf("%s\n", result.text().c_str());
    if (talk) print_table(result);
  } else {
    const tutti::FusedResult result = ensemble.fuse(
        options.request, options.fuse == "mean" ? tutti::Fusion::mean_of_probabilities
                                                : tutti::Fusion::product_of_experts);
    progress.reset();
    if (options.json) std::printf("%s\n", to_json(result).dump(2).c_str());
    if (options.quiet) std::printf("%s\n", result.text().c_str());
    if (talk) print_cost(result.cost);
  }
}

}  // namespace complete

int main(int argc, char** argv) {
  CLI::App app("Answers a prompt with an ensemble of language models.");
  try {
    complete::Options options = complete::parse(app, argc, argv);
    if (!std::filesystem::exists(options.models.front())) {
      std::fprintf(stderr,
                   "no model at %s: fetch the default one with `cmake -P cmake/fetch_model.cmake`, "
                   "or give --model PATH\n",
                   options.models.front().c_str());
      return 1;
    }
    complete::run(std::move(options));
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
