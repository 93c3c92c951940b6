// SPDX-License-Identifier: Apache-2.0
#pragma once
// The models of a directory: experts that are whole models (expert_0, expert_1, ...) or adapters on
// one base (base, adapter_0, adapter_1, ...), and a value model (value).

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "programs/channel.hpp"
#include "programs/vocabulary.hpp"
#include "tutti/tutti.hpp"

namespace program_ensemble {

using Model = tutti::Transformer<tutti::Cpu>;

/// PREFIX0, PREFIX1, ... as far as they are there.
inline std::vector<std::filesystem::path> numbered(const std::filesystem::path& directory,
                                                   const std::string& prefix) {
  std::vector<std::filesystem::path> paths;
  while (std::filesystem::is_directory(directory / (prefix + std::to_string(paths.size())))) {
    paths.push_back(directory / (prefix + std::to_string(paths.size())));
  }
  return paths;
}

/// The first `count` experts of a directory.
/// @throws tutti::OptionError when it holds fewer; tutti::FormatError, tutti::ModelError when they
/// cannot be loaded.
inline std::vector<Model> load_experts(const std::filesystem::path& directory, std::size_t count,
                                       bool adapters) {
  const std::string prefix = adapters ? "adapter_" : "expert_";
  tutti::require<tutti::OptionError>(
      std::filesystem::is_directory(directory), "no models at ", directory.string(),
      ": run in the top folder of the repository, or give --models DIRECTORY");
  std::vector<std::filesystem::path> paths = numbered(directory, prefix);
  tutti::require<tutti::OptionError>(!paths.empty(), directory.string(), " holds no ", prefix,
                                     "0: give a directory of experts by --models");
  tutti::require<tutti::OptionError>(count <= paths.size(), count, " experts were asked for, ",
                                     directory.string(), " holds ", paths.size(), " (", prefix,
                                     "0 to ", prefix, paths.size() - 1, "): lower --experts");
  paths.resize(count);
  const tutti::ExpertPaths found = adapters ? tutti::ExpertPaths{{directory / "base"}, paths}
                                            : tutti::ExpertPaths{paths, {}};
  std::vector<Model> experts = tutti::load_experts<tutti::Cpu>(found).models;
  tutti::require<tutti::ModelError>(experts.front().vocabulary_size() == programs::kVocabularySize,
                                    directory.string(), ": the experts have a vocabulary of ",
                                    experts.front().vocabulary_size(), ", the programs one of ",
                                    programs::kVocabularySize, ": they do not belong together");
  return experts;
}

/// Says how likely the shown outputs are if a candidate is the program. It runs nothing.
using ValueModel = tutti::NoisyChannel<tutti::Cpu>;

/// @throws tutti::OptionError when the directory holds none.
inline ValueModel load_value_model(const std::filesystem::path& directory, std::size_t threads) {
  tutti::require<tutti::OptionError>(std::filesystem::is_directory(directory / "value"),
                                     directory.string(),
                                     " holds no value: the value model is missing");
  return {Model::load(directory / "value"),
          [](const tutti::ScoringRequest& request, const tutti::Candidate& candidate) {
            return programs::read_channel(request.prompt, candidate.tokens);
          },
          {threads}};
}

/// How a program ends. An ensemble drops end-of-text tokens; taken for a stop string instead, the
/// end stays one of the candidate's tokens: experts are asked how likely it is that the program
/// ends there, and the value model reads its value there.
inline const std::string kEnd = "\n";

inline tutti::TextCodec codec_that_keeps_the_end() {
  tutti::TextCodec codec = programs::program_codec();
  codec.token_bytes = [text = codec.token_bytes](tutti::Token token) {
    return token == programs::kEndToken ? kEnd : text(token);
  };
  codec.end_of_text.clear();
  return codec;
}

/// The request for problem `index`, whose draws are independent of all others'.
inline tutti::Request request_for(const programs::Problem& problem, std::size_t index,
                                  std::uint64_t seed, float temperature) {
  tutti::Request request;
  request.prompt_tokens = programs::encode_prompt(problem);
  request.max_new_tokens = programs::Limits{}.tokens;
  request.stop_strings = {kEnd};
  request.sampling.temperature = temperature;
  request.seed = seed;
  request.draw_stream = static_cast<std::uint32_t>(index);
  return request;
}

}  // namespace program_ensemble
