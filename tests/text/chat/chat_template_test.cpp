// SPDX-License-Identifier: Apache-2.0
// The expected texts are what transformers 5.24.0 renders from the same templates.
#include "tutti/text/chat/chat_template.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/formats/json.hpp"

using namespace tutti;

namespace {

using Messages = std::vector<ChatMessage>;

/// Of SmolLM2-135M-Instruct: the newlines are themselves, not escapes.
const std::string kSmolLm2 =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
    "'<|im_start|>system\nYou are a helpful AI "
    "assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + "
    "message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
    "'<|im_start|>assistant\n' }}{% endif %}";

/// After Qwen2.5's: a part for tools comes first, and newlines are escapes.
const std::string kQwen2Template = R"({%- if tools %}
    {{- '<|im_start|>system\n' }}
    {{- "<|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen.\nYou don\'t guess.<|im_end|>\n' }}
    {%- endif %}
{%- endif %})";

}  // namespace

TEST_CASE("ChatML puts markers around every message and opens the answer",
          "[text][chat_template]") {
  const Messages messages{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Yes?"}};
  const ChatTemplate chat;
  CHECK(
      chat.render(messages, false) ==
      "<|im_start|>system\nBe "
      "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n");
  CHECK(chat.render(Messages{{"user", "Hi"}}) ==
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(chat.render(Messages{}) == "<|im_start|>assistant\n");
}

TEST_CASE("SmolLM2's template brings its own system message where there is none",
          "[text][chat_template]") {
  const ChatTemplate chat = ChatTemplate::from_text(kSmolLm2);
  CHECK(chat.render(Messages{{"user", "Hi"}}) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
        "Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(chat.render(Messages{{"system", "Be brief."}, {"user", "Hi"}}) ==
        "<|im_start|>system\nBe "
        "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  // Only the first message counts.
  CHECK(chat.render(Messages{{"user", "a"}, {"system", "b"}}, false) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
        "Face<|im_end|>\n"
        "<|im_start|>user\na<|im_end|>\n<|im_start|>system\nb<|im_end|>\n");
}

TEST_CASE("the default system message is found behind escapes and other uses of the marker",
          "[text][chat_template]") {
  CHECK(ChatTemplate::from_text(kQwen2Template).default_system() ==
        "You are Qwen.\nYou don't guess.");
}

TEST_CASE("a default system message may stand in the plain text of a template",
          "[text][chat_template]") {
  CHECK(
      ChatTemplate::from_text("{% if x %}<|im_start|>system\nYou're \"it\".<|im_end|>\n{% endif %}")
          .default_system() == "You're \"it\".");
  CHECK_FALSE(ChatTemplate::from_text("<|im_start|>system\n{{ content }}<|im_end|>\n")
                  .default_system()
                  .has_value());
  CHECK_FALSE(ChatTemplate::from_text("<|im_start|>{{ role }}\n{{ content }}<|im_end|>\n")
                  .default_system()
                  .has_value());
  CHECK_FALSE(
      ChatTemplate::from_text("<|im_end|>'<|im_start|>system\\").default_system().has_value());
}

TEST_CASE("a template of no known family is refused with its first line", "[text][chat_template]") {
  CHECK_THROWS_AS(ChatTemplate::from_text(""), FormatError);
  CHECK_THROWS_WITH(ChatTemplate::from_text("{{ bos_token }}### User:\n{% for m in messages %}"),
                    test::contains("it begins with \"{{ bos_token }}### User:\""));
}

TEST_CASE("published templates render as jinja2 renders them, and refuse what they refuse",
          "[text][chat_template]") {
  const std::string data = std::string(TUTTI_TEST_DATA) + "/text/";
  const Json cases = read_json_file(data + "chat_cases.json");
  std::size_t templates = 0;
  for (const auto& [name, expected] : cases.items()) {
    if (name == "chats") continue;
    ++templates;
    const MappedFile file(data + "chat_templates/" + name + ".jinja");
    const std::string_view jinja(reinterpret_cast<const char*>(file.bytes().data()),
                                 file.bytes().size());
    const ChatTemplate chat = ChatTemplate::from_text(
        jinja, {expected["bos"].get<std::string>(), expected["eos"].get<std::string>()});
    REQUIRE(expected["rendered"].size() == 2 * cases["chats"].size());
    for (std::size_t i = 0; i < expected["rendered"].size(); ++i) {
      Messages messages;
      for (const Json& message : cases["chats"][i / 2]) {
        messages.push_back(
            {message["role"].get<std::string>(), message["content"].get<std::string>()});
      }
      INFO(name << ": " << cases["chats"][i / 2]);
      // Llama 2's template skips a system message in the place of an answer, and Gemma's writes a
      // turn of "system": we refuse it.
      const bool in_turn = chat.layout().system != SystemPlace::message;
      const bool misplaced = in_turn && messages.back().role == "system" && messages.size() > 1;
      if (expected["rendered"][i].is_null() || misplaced) {
        CHECK_THROWS_AS(chat.render(messages, i % 2 == 1), OptionError);
      } else {
        CHECK(chat.render(messages, i % 2 == 1) == expected["rendered"][i].get<std::string>());
      }
    }
  }
  CHECK(templates == 16);
}

TEST_CASE("what a template refuses is said clearly", "[text][chat_template]") {
  const std::string gemma =
      "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') "
      "}}{% endif %}"
      "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}";
  const ChatTemplate chat = ChatTemplate::from_text(gemma);
  CHECK_THROWS_WITH(chat.render(Messages{{"system", "x"}, {"user", "y"}}),
                    test::contains("no place for a system message"));
  CHECK_THROWS_WITH(
      chat.render(Messages{{"user", "x"}, {"user", "y"}}),
      test::contains("message 1 has the role \"user\"") && test::contains("expected assistant"));
}

TEST_CASE("templates near to the known ones are refused where they write something else",
          "[text][chat_template]") {
  // Phi-4's third marker, thoughts as QwQ has them, a default system message as in some Llama 2
  // files, Mistral v7, a Llama 3 with one.
  for (const char* jinja :
       {"<|im_start|>{{ role }}<|im_sep|>{{ x }}<|im_end|>",
        "<|im_start|><|im_end|>{{ content.split('</think>')[-1] }}",
        "{% elif true == true %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}<<SYS>>"
        "{{ ' ' + content.strip() + ' ' + eos_token }}",
        "{{ '[SYSTEM_PROMPT]' }}{{ '[INST] ' + message['content'] + '[/INST]' }}{{ "
        "message['content'] + eos_token }}",
        "<|start_header_id|>system<|end_header_id|>\n\nYou are{{ message['content'] | trim "
        "}}<|eot_id|>"}) {
    INFO(jinja);
    CHECK_THROWS_AS(ChatTemplate::from_text(jinja), FormatError);
  }
}
