// SPDX-License-Identifier: Apache-2.0
// Log-probabilities on the device against those of base/numeric/probability.hpp.
#include "tutti/backend/cuda/kernels/probability.cuh"

#include <cmath>
#include <vector>

#include "tests/backend/cpu/random_weights.hpp"
#include "tests/backend/cuda/support.hpp"
#include "tutti/base/numeric/probability.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// log p of a target of each row of `width` logits.
std::vector<float> log_probabilities_on_device(const std::vector<float>& logits, std::size_t width,
                                               const std::vector<Token>& targets) {
  const cuda::Stream stream;
  const cuda::Rows rows = rows_of(logits, width, stream);
  const auto tokens = on_device(targets, stream);
  cuda::DeviceArray<float> result(targets.size(), stream);
  cuda::launch({dim3(static_cast<unsigned>(targets.size())), dim3(cuda::kLogitThreads)},
               stream.get(), cuda::log_probability_kernel<cuda::kLogitThreads>, rows.view(),
               static_cast<std::uint32_t>(width), tokens.data(), result.data());
  cuda::PinnedArray<float> host;
  host.download(result, targets.size(), stream);
  stream.wait();
  return {host.data(), host.data() + targets.size()};
}

}  // namespace

TEST_CASE(
    "the log-probability of a token is that of the host, to the bit where the device has the "
    "host's logarithm",
    "[cuda][kernel]") {
  for (const std::size_t width : {1U, 96U, 300U, 512U, 9001U}) {
    CAPTURE(width);
    std::vector<float> logits = random_floats(2 * width, 9);
    for (float& logit : logits) logit *= 8.0F;
    const auto last = static_cast<Token>(width - 1);
    logits[width + width / 2] = 80.0F;
    in_several_orders([&] {
      const std::vector<float> values = log_probabilities_on_device(
          logits, width, {last, static_cast<Token>(width / 2)});
      for (std::size_t r = 0; r < 2; ++r) {
        const float expected = log_probability_of({&logits[r * width], width},
                                                  r == 0 ? last : static_cast<Token>(width / 2));
#if defined(__CUDACC__)
        CHECK(values[r] ==
              Approx(expected).epsilon(1e-6).margin(1e-7));  // a logarithm's last bit may differ
#else
        CHECK(values[r] == expected);
#endif
      }
    });
  }
}

TEST_CASE("the log-probability in a row that has none is NaN", "[cuda][kernel]") {
  const std::vector<float> values = log_probabilities_on_device(
      {0, NAN, 1, INFINITY, 0, 1, -INFINITY, -INFINITY, -INFINITY, 2, -INFINITY, 2}, 3,
      {0, 1, 2, 1});
  for (std::size_t r = 0; r < 3; ++r) CHECK(std::isnan(values[r]));
  CHECK(values[3] == -INFINITY);
}
