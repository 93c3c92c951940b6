// SPDX-License-Identifier: Apache-2.0
// Chat templates against transformers and jinja2: see tests/data/text/chat/generate.py.
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/base/error.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/text/chat/chat_template.hpp"
#include "tutti/text/chat/parse_chat_value.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti {
namespace {

std::string read_text(const std::string& path) {
  const MappedFile file(path);
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

const ChatValue& json_member(const ChatValue& dict, std::string_view name) {
  const ChatValue* value = dict.dict()->find(name);
  REQUIRE(value != nullptr);
  return *value;
}

std::string json_text(const ChatValue& value) { return value.string()->bytes(); }

ChatOptions options_of(const ChatValue& conversation, const std::tm& now) {
  ChatOptions options;
  options.now = now;
  const jinja::Dict& members = *conversation.dict();
  if (const ChatValue* tools = members.find("tools")) options.tools = *tools;
  if (const ChatValue* documents = members.find("documents")) options.documents = *documents;
  if (const ChatValue* prompt = members.find("add_generation_prompt")) {
    options.add_generation_prompt = prompt->integer() != 0;
  }
  if (const ChatValue* variables = members.find("variables")) {
    for (const jinja::Dict::Entry& entry : variables->dict()->entries) {
      options.variables.emplace_back(json_text(entry.key), entry.value);
    }
  }
  return options;
}

}  // namespace

TEST_CASE("templates render as transformers renders them, and fail where it fails",
          "[text][chat_template][text_libraries]") {
  const std::string folder = std::string(TUTTI_TEST_DATA) + "/text/";
  const ChatValue cases = parse_chat_value(read_text(folder + "chat/cases.json"), "cases.json");
  const std::vector<ChatValue>& time = json_member(cases, "now").sequence()->items;
  std::tm now{};
  now.tm_year = static_cast<int>(time[0].integer()) - 1900;
  now.tm_mon = static_cast<int>(time[1].integer()) - 1;
  now.tm_mday = static_cast<int>(time[2].integer());
  now.tm_hour = static_cast<int>(time[3].integer());
  now.tm_min = static_cast<int>(time[4].integer());
  now.tm_sec = static_cast<int>(time[5].integer());
  const std::vector<ChatValue>& conversations =
      json_member(cases, "conversations").sequence()->items;
  const std::vector<ChatValue>& texts = json_member(cases, "texts").sequence()->items;
  std::size_t compared = 0;
  std::size_t refused = 0;
  for (const ChatValue& entry : json_member(cases, "templates").sequence()->items) {
    const ChatValue* file = entry.dict()->find("file");
    std::string source;
    if (file == nullptr) {
      source = json_text(json_member(entry, "source"));
    } else {
      const bool is_old = json_text(*file).starts_with("chat_templates/");
      source = read_text(folder + (is_old ? "" : "chat/") + json_text(*file));
    }
    INFO((file != nullptr ? json_text(*file) : source));
    const ChatTemplate chat = ChatTemplate::from_text(source,
                                                      {"<s>", "</s>", {{"unk_token", "<unk>"}}});
    const std::vector<ChatValue>& results = json_member(entry, "results").sequence()->items;
    REQUIRE(results.size() == conversations.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      INFO("conversation " << i);
      const ChatOptions options = options_of(conversations[i], now);
      const ChatValue& messages = json_member(conversations[i], "messages");
      if (results[i].integer() < 0) {
        CHECK_THROWS_AS(chat.render(messages, options), Error);
        ++refused;
        continue;
      }
      const std::string& expected =
          texts[static_cast<std::size_t>(results[i].integer())].string()->bytes();
      std::string rendered;
      try {
        rendered = chat.render(messages, options);
      } catch (const Error& error) {
        rendered = error.what();
      }
      CHECK(rendered == expected);
      std::string joined;
      for (const ChatSegment& segment : chat.render_segments(messages, options))
        joined += segment.text;
      CHECK(joined == expected);
      ++compared;
    }
  }
  CHECK(compared > 2400);
  CHECK(refused > 400);
}

}  // namespace tutti
