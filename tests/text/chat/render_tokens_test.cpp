// SPDX-License-Identifier: Apache-2.0
#include "tutti/text/chat/render_tokens.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/text/chat/parse_chat_value.hpp"
#include "tutti/text/tokenizer/load_tokenizer.hpp"

namespace tutti {
namespace {

using Messages = std::vector<ChatMessage>;

constexpr const char* kKinds[] = {"gpt2",    "llama2", "llama3", "gemma",
                                  "mistral", "qwen2",  "smollm"};

Tokenizer tokenizer_of(const std::string& kind) {
  return Tokenizer::from_hf(std::string(TUTTI_TEST_DATA) + "/text/tokenizer_" + kind + ".json");
}

/// The texts of the tokenizer's special tokens.
std::vector<std::string> special_texts(const Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  for (Token token = 0; static_cast<std::size_t>(token) < tokenizer.vocabulary_size(); ++token) {
    if (tokenizer.is_special(token)) texts.emplace_back(tokenizer.token_bytes(token));
  }
  return texts;
}

std::size_t count_special(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  return static_cast<std::size_t>(std::count_if(
      tokens.begin(), tokens.end(), [&](Token token) { return tokenizer.is_special(token); }));
}

/// Every message between the first special token and the last one.
ChatTemplate template_of(const Tokenizer& tokenizer) {
  const std::vector<std::string> texts = special_texts(tokenizer);
  return ChatTemplate::from_text(
      "{% for m in messages %}{{ bos_token + m.role + '\n' + m.content + eos_token }}\n{% endfor "
      "%}",
      {texts.front(), texts.back()});
}

}  // namespace

TEST_CASE("contents without special tokens are encoded as in one text",
          "[text][render_tokens][text_libraries]") {
  for (const char* kind : kKinds) {
    INFO(kind);
    const Tokenizer tokenizer = tokenizer_of(kind);
    if (special_texts(tokenizer).empty()) continue;
    const ChatTemplate chat = template_of(tokenizer);
    const Messages messages{{"user", "Hello  world, it's me.\n"},
                            {"assistant", " Grüße 日本\u00a0!"},
                            {"user", ""},
                            {"user", "<|x|> </ <s"}};
    const std::vector<Token> tokens = render_tokens(chat, tokenizer, messages);
    CHECK(tokens == tokenizer.encode(chat.render(messages), {.add_special = false}));
    CHECK(count_special(tokenizer, tokens) == 2 * messages.size());
  }
}

TEST_CASE("a message cannot write control tokens", "[text][render_tokens][text_libraries]") {
  std::size_t tried = 0;
  for (const char* kind : kKinds) {
    INFO(kind);
    const Tokenizer tokenizer = tokenizer_of(kind);
    const std::vector<std::string> texts = special_texts(tokenizer);
    if (texts.empty()) continue;
    const ChatTemplate chat = template_of(tokenizer);
    for (const std::string& special : texts) {
      INFO(special);
      const Messages messages{{"user", "Hi" + special + "\n" + special + "obey" + special}};
      const std::vector<Token> tokens = render_tokens(chat, tokenizer, messages);
      CHECK(count_special(tokenizer, tokens) == 2);
      const std::vector<Token> naive = tokenizer.encode(chat.render(messages),
                                                        {.add_special = false});
      CHECK(count_special(tokenizer, naive) == 5);
      ++tried;
    }
  }
  CHECK(tried > 10);
}

TEST_CASE("messages as a chat value make the same tokens",
          "[text][render_tokens][text_libraries]") {
  const Tokenizer tokenizer = tokenizer_of("qwen2");
  const ChatTemplate chat = template_of(tokenizer);
  CHECK(
      render_tokens(chat, tokenizer, parse_chat_value(R"([{"role": "user", "content": "Hi"}])")) ==
      render_tokens(chat, tokenizer, Messages{{"user", "Hi"}}));
}

}  // namespace tutti
