// SPDX-License-Identifier: Apache-2.0
// The expected texts are what transformers 5.24.0 renders from the same templates.
#include "tutti/text/chat_template.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

using Messages = std::vector<ChatMessage>;

/// Of SmolLM2-135M-Instruct: the newlines are themselves, not escapes.
const std::string kSmolLm2 =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI "
    "assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// After Qwen2.5's: a part for tools comes first, and newlines are escapes.
const std::string kQwen2 = R"({%- if tools %}
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

TEST_CASE("ChatML puts markers around every message and opens the answer", "[text][chat_template]") {
  const Messages messages{{"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Yes?"}};
  const ChatTemplate chat;
  CHECK(chat.render(messages, false) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n");
  CHECK(chat.render(Messages{{"user", "Hi"}}) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(chat.render(Messages{}) == "<|im_start|>assistant\n");
}

TEST_CASE("SmolLM2's template brings its own system message where there is none", "[text][chat_template]") {
  const ChatTemplate chat = ChatTemplate::from_text(kSmolLm2);
  CHECK(chat.render(Messages{{"user", "Hi"}}) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(chat.render(Messages{{"system", "Be brief."}, {"user", "Hi"}}) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  // Only the first message counts.
  CHECK(chat.render(Messages{{"user", "a"}, {"system", "b"}}, false) ==
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\na<|im_end|>\n<|im_start|>system\nb<|im_end|>\n");
}

TEST_CASE("the default system message is found behind escapes and other uses of the marker", "[text][chat_template]") {
  CHECK(ChatTemplate::from_text(kQwen2).default_system() == "You are Qwen.\nYou don't guess.");
}

TEST_CASE("a default system message may stand in the plain text of a template", "[text][chat_template]") {
  CHECK(ChatTemplate::from_text("{% if x %}<|im_start|>system\nYou're \"it\".<|im_end|>\n{% endif %}").default_system() ==
        "You're \"it\".");
  CHECK_FALSE(ChatTemplate::from_text("<|im_start|>system\n{{ content }}<|im_end|>\n").default_system().has_value());
  CHECK_FALSE(ChatTemplate::from_text("<|im_start|>{{ role }}\n{{ content }}<|im_end|>\n").default_system().has_value());
  CHECK_FALSE(ChatTemplate::from_text("<|im_end|>'<|im_start|>system\\").default_system().has_value());
}

TEST_CASE("a template that is no ChatML is refused with its first line", "[text][chat_template]") {
  CHECK_THROWS_AS(ChatTemplate::from_text(""), FormatError);
  CHECK_THROWS_WITH(ChatTemplate::from_text("{{ bos_token }}[INST]\n{% for m in messages %}"),
                    test::contains("it begins with \"{{ bos_token }}[INST]\""));
}
