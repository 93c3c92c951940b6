// SPDX-License-Identifier: Apache-2.0
#pragma once
// One message of a chat.

#include <string>

#include "tutti/text/chat/chat_value.hpp"

namespace tutti {

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant", "tool", or what else the template knows.
  std::string content;
  /// A dict of what else the template is to see, such as `tool_calls`, `reasoning_content`,
  /// `tool_call_id` or `name`. A member `content` (a list of parts, say) replaces the text.
  ChatValue extra = {};
};

}  // namespace tutti
