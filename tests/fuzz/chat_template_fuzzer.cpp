// SPDX-License-Identifier: Apache-2.0
// Input: a chat template in Jinja and, each after a separator, optionally the contents of messages
// by "user" and "assistant" in turn.
//
// Beside the common rules: the output is UTF-8, and what the messages brought into it is marked as
// content, whatever the template does to it.
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/chat/parse_chat_value.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace {

constexpr std::string_view kMarker = "\xEE\x80\x80";  // U+E000, for private use

void check_output(const tutti::jinja::TaintedText& output, bool is_marked) {
  if (!tutti::is_valid_utf8(output.bytes()))
    tutti::fuzz::report("bytes of no UTF-8", output.size(), 0);
  std::size_t end = 0;
  for (const tutti::ByteRange& range : output.tainted()) {
    const bool in_order = range.begin < range.end && range.end <= output.size() &&
                          (end < range.begin || (end == 0 && range.begin == 0));
    if (!in_order) tutti::fuzz::report("range of content", range.begin, end);
    end = range.end;
  }
  for (std::size_t at = output.bytes().find(kMarker); is_marked && at != std::string::npos;
       at = output.bytes().find(kMarker, at + 1)) {
    if (!output.is_tainted(at)) tutti::fuzz::report("content taken for template", at, 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> input = tutti::fuzz::bytes_of(data, size);
  std::span<const std::byte> rest = input;
  const std::string_view jinja = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
  // The nodes of the syntax tree are large, and lists of the template's own are not in the input.
  const tutti::fuzz::MemoryAllowed allowed{256, std::size_t{1} << 22};
  return tutti::fuzz::run(
      input,
      [&] {
        const tutti::ChatTemplate chat_template = tutti::ChatTemplate::from_text(jinja,
                                                                                 {"<s>", "</s>"});
        std::vector<tutti::ChatMessage> messages;
        while (messages.size() < 4 && !rest.empty()) {
          const std::string_view content = tutti::fuzz::text_of(tutti::fuzz::next_file(rest));
          messages.push_back({messages.size() % 2 == 0 ? "user" : "assistant",
                              std::string(content).append(kMarker)});
        }
        // A template may write the marker itself, as an escape too.
        const bool is_marked = jinja.find("000") == std::string_view::npos &&
                               jinja.find(kMarker) == std::string_view::npos;
        tutti::ChatOptions options;
        options.limits = {5000, 4096, 250};
        options.now.emplace();
        options.now->tm_mday = 1;
        options.now->tm_year = 124;
        check_output(chat_template.render_tainted(messages, options), is_marked);
        options.add_generation_prompt = false;
        options.tools = tutti::parse_chat_value(
            R"([{"type": "function", "function": {"name": "f", "parameters": {"a": [1, null]}}}])");
        check_output(chat_template.render_tainted(messages, options), is_marked);
      },
      allowed);
}
