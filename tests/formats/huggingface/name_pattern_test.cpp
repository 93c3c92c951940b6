// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/huggingface/name_pattern.hpp"

#include <string>

#include "tests/support/catch.hpp"

namespace tutti {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
  const auto compiled = NamePattern::compile(pattern);
  REQUIRE(compiled.has_value());
  return compiled->matches(name);
}

TEST_CASE("A pattern must match the whole name") {
  CHECK(matches("q_proj", "q_proj"));
  CHECK_FALSE(matches("q_proj", "q_proj2"));
  CHECK_FALSE(matches("q_proj", "my.q_proj"));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
}

TEST_CASE("Patterns of published adapters match as in Python") {
  CHECK(matches(R"(.*\.(q_proj|v_proj))", "model.layers.3.self_attn.v_proj"));
  CHECK_FALSE(matches(R"(.*\.(q_proj|v_proj))", "model.layers.3.self_attn.k_proj"));
  CHECK(matches(R"((.*\.)?(layers\.[0-3]\..*_proj))", "model.layers.3.mlp.up_proj"));
  CHECK_FALSE(matches(R"((.*\.)?(layers\.[0-3]\..*_proj))", "model.layers.13.mlp.up_proj"));
  CHECK(matches(R"(model\.layers\.\d+\.(?:self_attn|mlp)\.\w+)", "model.layers.27.mlp.down_proj"));
}

TEST_CASE("Anchors hold only at the ends") {
  CHECK(matches("(.*\\.)?(^model.q)", "model.q"));
  CHECK_FALSE(matches("(.*\\.)?(^model.q)", "base.model.q"));
  CHECK(matches("(a|b$)c?", "b"));
  CHECK_FALSE(matches("(a|b$)c?", "bc"));
}

TEST_CASE("Repetitions may be empty, nested and lazy") {
  CHECK(matches("(a*)*b?", "aaab"));
  CHECK(matches("(a|b)+?c", "abac"));
  CHECK_FALSE(matches("(ab)+", ""));
  CHECK(matches("(ab)+", "ababab"));
  CHECK_FALSE(matches("(ab)+", "aba"));
  CHECK(matches("x|", ""));
}

TEST_CASE("Classes know ranges, negation and a bracket in first place") {
  CHECK(matches("[a-c_]+", "ab_c"));
  CHECK_FALSE(matches("[a-c_]+", "abd"));
  CHECK(matches("[^0-9]", "x"));
  CHECK_FALSE(matches("[^0-9]", "7"));
  CHECK(matches("[]a]+", "]a"));
  CHECK(matches("[a-]+", "-a"));
  CHECK(matches(R"([\d.]+)", "1.5"));
}

TEST_CASE("Patterns that would make a backtracking matcher hang are matched quickly") {
  CHECK_FALSE(matches("(a*)*(a*)*(a*)*(a|aa)*b", std::string(500, 'a')));
}

TEST_CASE("Broken patterns and other syntax are not compiled") {
  for (const char* pattern : {"(a", "a)", "[a", "[", "*a", "a**", "a{2}", "(?=a)", "(?!a)b", "\\1",
                              "\\b", "a\\", "[z-a]", "[\\d-a]", "\xC3\xA4", "a*+"}) {
    CAPTURE(pattern);
    CHECK_FALSE(NamePattern::compile(pattern).has_value());
  }
  CHECK_FALSE(NamePattern::compile(std::string(257, 'a')).has_value());
  CHECK_FALSE(NamePattern::compile(std::string(256, '(')).has_value());
}

}  // namespace
}  // namespace tutti
