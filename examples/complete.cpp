// SPDX-License-Identifier: Apache-2.0
// Answers a prompt with an ensemble: eight experts, two samples each, all sixteen generated in one
// batch.
//
//   build/demo/examples/complete "Why is the sky blue?"          (complete --help lists the
//   options)
//
// Streams the first candidate, then prints a table of all candidates with their scores, the answer,
// and the cost.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "complete/components.hpp"
#include "complete/options.hpp"
#include "complete/progress.hpp"
#include "complete/report.hpp"
#include "tutti/tutti.hpp"

namespace complete {

/// Sets the prompt: a chat, unless the model has no chat template or --raw was given.
void set_prompt(const Options& options, const tutti::TextCodec& codec, tutti::Request& request) {
  if (options.raw || !codec.encode_chat) {
    request.prompt = options.prompt;
    return;
  }
  if (!options.system.empty()) request.messages.push_back({"system", options.system});
  request.messages.push_back({"user", options.prompt});
}

tutti::Fusion fusion_of(const std::string& name) {
  return name == "mean" ? tutti::Fusion::mean_of_probabilities : tutti::Fusion::product_of_experts;
}

void run(Options options) {
  const tutti::Experts<tutti::Cpu> experts = load_experts(options);
  tutti::require<tutti::ModelError>(experts.tokenizer != nullptr, options.models.front(),
                                    ": has no tokenizer to read the prompt with");
  const tutti::TextCodec codec = experts.codec();
  tutti::StackOptions stack_options;
  stack_options.kv_type = options.kv_type;
  stack_options.context_length = options.context;
  tutti::Ensemble ensemble(tutti::ExpertStack(experts.models, {options.threads}, stack_options),
                           codec, make_scorer(options), tutti::AllExperts{},
                           make_selector(options));
  set_prompt(options, codec, options.request);

  const bool fuses = !options.fuse.empty();
  const bool verbose = !options.json && !options.quiet;
  const std::size_t samples = fuses ? 1 : options.request.samples_per_expert;
  const std::size_t candidates = fuses ? 1 : experts.models.size() * samples;
  auto progress = std::make_unique<Progress>(candidates, options.request.max_new_tokens);
  if (verbose) {
    std::printf("%s\n\n%zu expert%s x %zu samples; expert 0, sample 0:\n", options.prompt.c_str(),
                experts.models.size(), experts.models.size() == 1 ? "" : "s", samples);
    options.request.stream = [&](const tutti::StreamEvent& event) { progress->show_event(event); };
  }
  const tutti::Method method = make_method(options);
  const tutti::Result result = fuses    ? ensemble.fuse(options.request, fusion_of(options.fuse))
                               : method ? ensemble.engine().submit(options.request, method).get()
                                        : ensemble.generate(options.request);
  progress.reset();
  if (options.json) std::printf("%s\n", to_json(result).dump(2).c_str());
  if (options.quiet) std::printf("%s\n", result.text().c_str());
  if (verbose && !fuses) print_table(result);
  if (verbose && fuses) {
    print_cut_off(result);
    print_cost(result.cost);
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
