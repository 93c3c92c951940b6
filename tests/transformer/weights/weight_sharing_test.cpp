// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/weights/weight_sharing.hpp"

#include <cmath>
#include <limits>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("Equal tensors of different files are stored once", "[weight_sharing]") {
  // Loaded twice: the same contents at different addresses.
  const std::vector<ModelWeights> loaded{load_weights(checkpoint("llama")),
                                         load_weights(checkpoint("llama"))};
  REQUIRE(loaded[0].layers[0].gate.weight.data != loaded[1].layers[0].gate.weight.data);
  const auto [experts, sharing] = share_equal_tensors(loaded);
  CHECK(experts[0].layers[0].gate.weight.data == experts[1].layers[0].gate.weight.data);
  CHECK(experts[0].embedding.weight.data == experts[1].embedding.weight.data);
  CHECK(sharing.representative == std::vector<std::uint32_t>{0, 0});
}

TEST_CASE("Experts that differ keep their own tensors, and a third is the same as the first",
          "[weight_sharing]") {
  std::vector<ModelWeights> experts{load_weights(checkpoint("llama")),
                                    load_weights(checkpoint("llama_second")),
                                    load_weights(checkpoint("llama"))};
  const WeightSharing sharing = share_equal_tensors(experts).sharing;
  CHECK(sharing.representative == std::vector<std::uint32_t>{0, 1, 0});
  REQUIRE(sharing.layers.size() == 1);
  CHECK(sharing.layers[0].owner == std::vector<std::uint32_t>{0, 1, 0});
}

TEST_CASE("Adapters make experts different but leave the base shared", "[weight_sharing]") {
  const auto base = CpuModel::load(checkpoint("llama"));
  std::vector<ModelWeights> experts{
      base.weights(), base.with_adapter(checkpoint("lora_rs")).weights(),
      base.with_adapter(checkpoint("lora_rs")).weights(), base.weights()};
  const WeightSharing sharing = share_equal_tensors(experts).sharing;
  CHECK(sharing.representative == std::vector<std::uint32_t>{0, 1, 2, 0});
  REQUIRE(sharing.layers.size() == 2);
  CHECK(sharing.layers[0].owner == std::vector<std::uint32_t>{0, 0, 0, 0});
  CHECK(sharing.layers[1].owner == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(sharing.layers[1].elements[0] == 0);
  CHECK(sharing.layers[1].elements[1] > 0);
  CHECK(sharing.layers[1].elements[1] == sharing.layers[1].elements[2]);
}

TEST_CASE("Experts with other norms are different experts", "[weight_sharing]") {
  std::vector<ModelWeights> experts(2, load_weights(checkpoint("llama")));
  experts[1].layers[1].mlp_norm.weight[0] += 0.5F;
  CHECK(share_equal_tensors(experts).sharing.representative == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("An expert with a NaN is its own, and its logits say so", "[weight_sharing]") {
  std::vector<ModelWeights> experts(2, load_weights(checkpoint("llama")));
  for (ModelWeights& expert : experts)
    expert.final_norm.weight[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK(share_equal_tensors(experts).sharing.representative == std::vector<std::uint32_t>{0, 1});
  CHECK(std::isnan(logits_alone(CpuModel(experts[0]), some_tokens(3))[0]));
}

TEST_CASE("Experts that do not fit are refused with the first difference", "[weight_sharing]") {
  std::vector<ModelWeights> experts{load_weights(checkpoint("llama")),
                                    load_weights(checkpoint("llama_head_dim"))};
  CHECK_THROWS_AS(check_experts_fit(experts), ModelError);
  CHECK_THROWS_WITH(check_experts_fit(experts), contains("hidden size is 36 instead of 32"));
  experts = {load_weights(checkpoint("llama")), load_weights(checkpoint("llama3_rope"))};
  CHECK_THROWS_WITH(check_experts_fit(experts),
                    contains("whether rope is scaled is 1 instead of 0"));
  experts = {load_weights(checkpoint("llama")), load_weights(checkpoint("reward"))};
  CHECK_THROWS_WITH(check_experts_fit(experts),
                    contains("the language model's head is absent instead of [96, 32]"));
  CHECK_THROWS_WITH(check_experts_fit({}), contains("at least one expert"));
}
