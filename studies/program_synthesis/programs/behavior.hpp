// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a program does on fixed probe inputs, and which split its function belongs to. The split is
// a hash of what the function does, not of how it is written, so two splits cannot share a
// function, whatever the length, the domain or the seed.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "programs/domain.hpp"
#include "programs/interpreter.hpp"
#include "programs/language.hpp"
#include "programs/value.hpp"

namespace programs {

enum class Split : std::uint8_t { training, development, test };

/// The program's output for every probe input of a domain.
[[nodiscard]] inline std::vector<Value> outputs_on_probes(const Program& program,
                                                          std::size_t domain) {
  const std::vector<Inputs>& probes = domains()[domain].probes;
  std::vector<Value> outputs(probes.size());
  std::transform(probes.begin(), probes.end(), outputs.begin(),
                 [&](const Inputs& inputs) { return run(program, inputs); });
  return outputs;
}

namespace detail {

/// A step of a 64-bit hash; the finalizer of MurmurHash3.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t next) {
  hash = (hash ^ next) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return hash ^ (hash >> 33);
}

[[nodiscard]] inline std::uint64_t mix_value(std::uint64_t hash, const Value& value) {
  hash = mix(hash, (std::uint64_t{value.index()} << 32) + size_of(value));
  if (const int* number = std::get_if<int>(&value))
    return mix(hash, static_cast<std::uint32_t>(*number));
  if (const List* list = std::get_if<List>(&value)) {
    for (const int number : *list) hash = mix(hash, static_cast<std::uint32_t>(number));
  } else if (const std::string* text = std::get_if<std::string>(&value)) {
    for (const char character : *text) hash = mix(hash, static_cast<std::uint8_t>(character));
  }
  return hash;
}

}  // namespace detail

[[nodiscard]] inline std::uint64_t hash_values(std::span<const Value> values) {
  std::uint64_t hash = values.size();
  for (const Value& value : values) hash = detail::mix_value(hash, value);
  return hash;
}

/// 60 % training, 20 % development, 20 % test: few functions are short, and each split needs some
/// of them.
[[nodiscard]] constexpr Split split_of_hash(std::uint64_t hash) {
  const std::uint64_t fifth = detail::mix(hash, 1) % 5;
  return fifth < 3 ? Split::training : fifth == 3 ? Split::development : Split::test;
}

/// The hash of what a program does on all domains with inputs of these types: on every fourth
/// probe, since most programs that are drawn belong to another split than is wanted.
[[nodiscard]] inline std::uint64_t behavior_everywhere(const Program& program) {
  std::vector<Value> outputs;
  for (const Domain& domain : domains()) {
    if (domain.types != program.signature.inputs) continue;
    for (std::size_t i = 0; i < kProbes; i += 4) outputs.push_back(run(program, domain.probes[i]));
  }
  return hash_values(outputs);
}

/// The split of a program whose outputs on its domain's probes have the hash `local`. `FROM @` and
/// `SUBSTR 5 9` may do the same on one domain's texts and not on others': only a program whose
/// function belongs to one split in both senses belongs to any.
[[nodiscard]] inline std::optional<Split> split_of(const Program& program, std::uint64_t local) {
  const Split split = split_of_hash(local);
  if (program.signature.language() == Language::list)
    return split;  // one domain for each kind of inputs
  return split_of_hash(behavior_everywhere(program)) == split ? std::optional<Split>(split)
                                                              : std::nullopt;
}

}  // namespace programs
