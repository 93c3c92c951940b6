// SPDX-License-Identifier: Apache-2.0
#pragma once
// A token with a role, as configurations and chat templates name it.

#include <string>

namespace tutti {

struct NamedToken {
  std::string name;  ///< "bos_token", "eos_token", "pad_token", ...
  std::string text;
};

}  // namespace tutti
