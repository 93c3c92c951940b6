// SPDX-License-Identifier: Apache-2.0
#include "tutti/architecture/architecture.hpp"

#include <set>
#include <string>

#include "tests/support/catch.hpp"

namespace tutti {
namespace {

TEST_CASE("Every family has its own name and model_type, and a GGUF arch belongs to one family") {
  std::set<std::string_view> names, model_types, gguf_names;
  for (const Architecture& family : kArchitectures) {
    INFO(family.name);
    CHECK(names.insert(family.name).second);
    CHECK(model_types.insert(family.model_type).second);
    if (!family.gguf_name.empty()) CHECK(gguf_names.insert(family.gguf_name).second);
    CHECK(find_architecture(&Architecture::model_type, family.model_type) == &family);
  }
  CHECK(names.size() == kArchitectures.size());
}

TEST_CASE("An unknown or empty name finds nothing") {
  CHECK(find_architecture(&Architecture::model_type, "mixtral") == nullptr);
  // Mistral has no arch name in GGUF; files without one must not become Mistral.
  CHECK(find_architecture(&Architecture::gguf_name, "") == nullptr);
}

TEST_CASE("Only arch llama keeps rotary pairs next to each other") {
  for (const Architecture& family : kArchitectures) {
    INFO(family.name);
    CHECK(family.hugging_face.pairing == RopePairing::halves);
    CHECK((family.gguf.pairing == RopePairing::interleaved) == (family.name == "llama"));
  }
}

TEST_CASE("A family has a name for every tensor that its traits ask for") {
  for (const Architecture& family : kArchitectures) {
    INFO(family.name);
    for (const CheckpointLayout* layout : {&family.hugging_face, &family.gguf}) {
      const BlockNames& block = layout->block;
      CHECK((!block.query.empty() || !block.query_key_value.empty()));
      if (family.head_norms) CHECK((!block.query_norm.empty() && !block.key_norm.empty()));
      if (family.post_norms)
        CHECK((!block.attention_post_norm.empty() && !block.mlp_post_norm.empty()));
      if (family.gated_mlp) CHECK(!block.gate.empty());
      if (family.learned_positions) CHECK(!layout->positions.empty());
    }
  }
}

}  // namespace
}  // namespace tutti
