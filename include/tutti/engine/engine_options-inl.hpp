// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of engine_options.hpp.

#include <string>
#include <string_view>

#include "tutti/base/macros.hpp"
#include "tutti/engine/engine_options.hpp"

namespace tutti {

TUTTI_INLINE std::string EngineStats::prometheus() const {
  std::string text;
  const auto add = [&](std::string_view name, std::string_view type, std::string_view help,
                       const std::string& value) {
    text.append("# HELP tutti_").append(name).append(" ").append(help).append("\n");
    text.append("# TYPE tutti_").append(name).append(" ").append(type).append("\n");
    text.append("tutti_").append(name).append(" ").append(value).append("\n");
  };
  const auto gauge = [&](std::string_view name, std::string_view help, std::size_t value) {
    add(name, "gauge", help, std::to_string(value));
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    add(name, "counter", help, std::to_string(value));
  };
  gauge("requests_running", "Requests being answered.", running);
  gauge("requests_waiting", "Requests in the queue.", waiting);
  counter("requests_total", "Requests submitted.", submitted);
  counter("requests_finished_total", "Requests that ended.", finished);
  counter("steps_total", "Batched forward passes.", steps);
  counter("rows_total", "Rows of all steps.", rows);
  counter("decode_rows_total", "Rows that gave a token to draw.", decode_rows);
  counter("generated_tokens_total", "Tokens generated.", generated_tokens);
  counter("cached_tokens_total", "Positions that the prefix cache saved.", cached_tokens);
  counter("preemptions_total", "Requests whose pages were taken.", preemptions);
  gauge("kv_pages_in_use", "Pages of the KV cache in use.", pages_in_use);
  gauge("kv_pages_idle", "Pages kept for later requests.", pages_idle);
  gauge("kv_pages_limit", "Pages that the KV cache may have.", pages_limit);
  add("step_seconds_total", "counter", "Seconds spent in steps.", std::to_string(step_seconds));
  return text;
}

}  // namespace tutti
