// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/adapter.hpp"

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("An adapter adds deltas to the layers it names and shares everything else", "[adapter]") {
  const ModelWeights base = load_weights(checkpoint("llama"));
  const ModelWeights expert = apply_adapter(base, checkpoint("lora_rs"));
  CHECK(expert.layers[0].query.delta.has_value());
  CHECK_FALSE(expert.layers[0].key.delta.has_value());
  CHECK(expert.layers[0].query.weight == base.layers[0].query.weight);
  CHECK(expert.layers[0].query.delta->a.rows == 3);
  CHECK(expert.layers[0].value.delta->b.rows == 16);
}

TEST_CASE("Adapters that do not fit are refused with both shapes", "[adapter]") {
  CHECK_THROWS_AS(apply_adapter(load_weights(checkpoint("llama_head_dim")), checkpoint("lora_rs")), ModelError);
  CHECK_THROWS_WITH(apply_adapter(load_weights(checkpoint("llama_head_dim")), checkpoint("lora_rs")),
                    contains("is for a layer of [32, 32], the base has [48, 36]"));
}

TEST_CASE("An adapter on top of an adapter is refused", "[adapter]") {
  const ModelWeights once = apply_adapter(load_weights(checkpoint("llama")), checkpoint("lora_rs"));
  CHECK_THROWS_WITH(apply_adapter(once, checkpoint("lora_rs")), contains("has an adapter already"));
}

TEST_CASE("An adapter for more layers than the base has is refused", "[adapter]") {
  ModelWeights shallow = load_weights(checkpoint("llama"));
  shallow.layers.pop_back();
  CHECK_THROWS_WITH(apply_adapter(shallow, checkpoint("lora_rs")), contains("changes 4 modules, of which the base"));
}

TEST_CASE("On a base with neighbouring rotary pairs the rows of B are permuted like the base's", "[adapter]") {
  // Head dimension 8: pairs (0, 4), (1, 5), ... of Hugging Face become neighbours.
  CHECK(detail::interleaved_row(0, 8) == 0);
  CHECK(detail::interleaved_row(1, 8) == 4);
  CHECK(detail::interleaved_row(2, 8) == 1);
  CHECK(detail::interleaved_row(7, 8) == 7);
  CHECK(detail::interleaved_row(9, 8) == 12);
}
