// SPDX-License-Identifier: Apache-2.0
// Input: a Hugging Face config.json and, behind the separator, optionally the model.safetensors
// that it describes.
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tutti/formats/huggingface/hf_config.hpp"
#include "tutti/transformer/weights/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  std::span<const std::byte> rest = input;
  const std::string_view config = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
  static const tutti::test::TemporaryDirectory directory;
  const std::filesystem::path path = directory.write("config.json", config);
  return tutti::fuzz::run(input, [&] {
    (void)tutti::read_hf_config(path);
    if (rest.empty()) return;
    directory.write("model.safetensors", tutti::fuzz::text_of(rest));
    (void)tutti::load_weights(directory.path());
  });
}
