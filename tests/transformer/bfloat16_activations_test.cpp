// SPDX-License-Identifier: Apache-2.0
// CpuOptions::round_to_bfloat16 in a whole model.
#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE(
    "Activations rounded to bfloat16 change logits by about that rounding, and only where the "
    "processor has the instruction",
    "[transformer]") {
  const CpuModel model = CpuModel::load(checkpoint("gguf") / "bf16.gguf");
  const Json expected = read_json_file(checkpoint("gguf") / "bf16.json");
  const double difference = largest_difference(model, expected, exact_cache(),
                                               {.threads = 2, .round_to_bfloat16 = true});
  // Rounding changes a value by at most 2^-9 of it; the logits here reach about 30.
  CHECK(difference <= 0.25);
  CHECK((difference > 1e-4) == cpu::default_kernels().multiplies_bfloat16);
}
