// SPDX-License-Identifier: Apache-2.0
#pragma once
// One message of a chat.

#include <string>

namespace tutti {

struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant".
  std::string content;
};

}  // namespace tutti
