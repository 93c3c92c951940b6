// SPDX-License-Identifier: Apache-2.0
// Input: one safetensors file.
#include "tests/fuzz/fuzz_target.hpp"
#include "tutti/formats/safetensors/safetensors_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  return tutti::fuzz::run(input, [&] {
    const tutti::SafetensorsFile file(input, "fuzzed.safetensors");
    for (const tutti::TensorView& tensor : file.tensors())
      tutti::fuzz::touch({tensor.data, tensor.bytes});
    for (const tutti::OtherTensor& tensor : file.other_tensors()) tutti::fuzz::touch(tensor.data);
    for (const tutti::TensorView& tensor : file.tensors()) {
      if (file.find(tensor.name) != &tensor)
        tutti::fuzz::report("tensor that is not found by its name", 1, 0);
    }
  });
}
