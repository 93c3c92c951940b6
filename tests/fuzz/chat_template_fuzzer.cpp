// SPDX-License-Identifier: Apache-2.0
// Input: a chat template in Jinja and, each behind a separator, optionally the contents of messages
// by "user" and "assistant" in turn.
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"
#include "tutti/text/chat/chat_template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  std::span<const std::byte> rest = input;
  const std::string_view jinja = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
  return tutti::fuzz::run(input, [&] {
    const tutti::ChatTemplate chat_template = tutti::ChatTemplate::from_text(jinja);
    std::vector<tutti::ChatMessage> messages;
    while (messages.size() < 4 && !rest.empty()) {
      const std::string_view content = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
      messages.push_back({messages.size() % 2 == 0 ? "user" : "assistant", std::string(content)});
    }
    (void)chat_template.render(messages, false);
    (void)chat_template.render(messages);
  });
}
