// SPDX-License-Identifier: Apache-2.0
// Input: adapter_config.json, the separator, adapter_model.safetensors.
#include "tests/fuzz/fuzz_target.hpp"
#include "tutti/formats/huggingface/peft_adapter.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  std::span<const std::byte> tensors = input;
  const std::string_view config = tutti::fuzz::text_of(tutti::fuzz::next_file(tensors));
  return tutti::fuzz::run(input, [&] {
    const tutti::PeftAdapter adapter(config, tensors, "fuzzed");
    for (const auto& [name, module] : adapter.modules()) {
      tutti::fuzz::touch({module.a.data, module.a.bytes});
      tutti::fuzz::touch({module.b.data, module.b.bytes});
      if (adapter.find(name) != &module)
        tutti::fuzz::report("module that is not found by its name", 1, 0);
    }
  });
}
