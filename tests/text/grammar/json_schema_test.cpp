// SPDX-License-Identifier: Apache-2.0
// tests/data/text/grammar/json_schema.json was judged by Python's jsonschema.

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/text/grammar/support.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/text/grammar/grammar.hpp"

using namespace tutti;
using tutti::test::contains;

namespace {

bool valid(const std::string& schema, const std::string& text) {
  return Grammar::json_schema(schema).matches(text);
}

}  // namespace

TEST_CASE("Texts are accepted and refused as jsonschema judges them", "[text][grammar]") {
  const Json cases = read_json_file(tutti::test::kGrammarData + "json_schema.json");
  REQUIRE(cases.size() == 300);
  for (const Json& one : cases) {
    const std::string schema = one.at("schema");
    INFO(schema);
    const Grammar grammar = Grammar::json_schema(schema);
    for (const std::string text : one.at("valid")) {
      INFO("valid: " << text);
      CHECK(grammar.matches(text));
      CHECK_FALSE(grammar.matches(text + "}"));
      CHECK_FALSE(grammar.matches(" " + text));
    }
    for (const std::string text : one.at("invalid")) {
      INFO("invalid: " << text);
      CHECK_FALSE(grammar.matches(text));
    }
    const std::string spaced = one.at("spaced");
    const std::string indented = one.at("indented");
    INFO(spaced << "\n" << indented);
    CHECK(Grammar::json_schema(schema, {JsonWhitespace::spaced}).matches(spaced));
    const Grammar flexible = Grammar::json_schema(schema, {JsonWhitespace::flexible});
    CHECK(flexible.matches(indented));
    CHECK(flexible.matches(spaced));
  }
}

// With TUTTI_GRAMMAR_SAMPLES=FILE in the environment the texts are written there, for
// tests/data/text/grammar/check_samples.py.
TEST_CASE("What is drawn under a schema with a model's vocabulary is JSON that the schema accepts",
          "[text][grammar][model]") {
  const auto vocabulary = tutti::test::smollm2_vocabulary();
  if (!vocabulary) TUTTI_SKIP("the model is not there: cmake -P cmake/fetch_model.cmake");
  const char* const path = std::getenv("TUTTI_GRAMMAR_SAMPLES");
  const Json cases = read_json_file(tutti::test::kGrammarData + "json_schema.json");
  Json samples = Json::array();
  std::size_t unfinished = 0;
  // All of them take a minute; every build draws from a tenth.
  for (std::size_t i = 0; i < cases.size(); i += path != nullptr ? 1 : 10) {
    const std::string schema = cases[i].at("schema");
    INFO(schema);
    const Grammar grammar = Grammar::json_schema(schema);
    const TokenMasks masks(grammar, *vocabulary);
    for (std::uint32_t sample = 0; sample < (path != nullptr ? 20U : 2U); ++sample) {
      const auto text = tutti::test::draw_text(masks, static_cast<std::uint32_t>(i) * 100 + sample);
      if (!text) {
        ++unfinished;
        UNSCOPED_INFO("not ended: " << schema);
        continue;
      }
      INFO(*text);
      CHECK(nlohmann::json::accept(*text));
      CHECK(grammar.matches(*text));
      if (path != nullptr) samples.push_back({{"schema", schema}, {"text", *text}});
    }
  }
  CHECK(unfinished == 0);
  if (path != nullptr) std::ofstream(path) << samples.dump();
}

TEST_CASE("Integers are compared with their bounds digit by digit", "[text][grammar]") {
  for (int low = -25; low <= 25; low += 5) {
    for (int high = low; high <= 130; high += 31) {
      const Grammar grammar = Grammar::json_schema(
          "{\"type\":\"integer\",\"minimum\":" + std::to_string(low) +
          ",\"exclusiveMaximum\":" + std::to_string(high + 1) + "}");
      for (int value = -140; value <= 240; ++value) {
        if (grammar.matches(std::to_string(value)) != (low <= value && value <= high)) {
          FAIL("minimum " << low << ", exclusiveMaximum " << high + 1 << ", value " << value);
        }
      }
    }
  }
  const std::string schema =
      R"({"type":"integer","minimum":-1.5,"maximum":12345678901234567890123})";
  CHECK(valid(schema, "-1"));
  CHECK_FALSE(valid(schema, "-2"));
  CHECK(valid(schema, "12345678901234567890123"));
  CHECK_FALSE(valid(schema, "12345678901234567890124"));
  CHECK_FALSE(valid(schema, "007"));
  CHECK_FALSE(valid(schema, "-0"));
}

TEST_CASE("Numbers are compared with their bounds digit by digit", "[text][grammar]") {
  const std::string schema = R"({"type":"number","exclusiveMinimum":-0.25,"maximum":10.5})";
  for (const char* text : {"-0.2499", "0", "0.0", "3.75", "10", "10.5", "10.500", "9.99999"})
    CHECK(valid(schema, text));
  for (const char* text : {"-0.25", "-0.250", "-1", "10.51", "10.5001", "11", "1e1", "0.", ".5"})
    CHECK_FALSE(valid(schema, text));
  const std::string positive = R"({"type":"number","exclusiveMinimum":0})";
  CHECK_FALSE(valid(positive, "0.000"));
  CHECK(valid(positive, "0.001"));
}

TEST_CASE("Members come in the order of the schema and others only if it says so",
          "[text][grammar]") {
  const std::string open =
      R"({"type":"object","properties":{"ab":{"type":"null"},"a":{"type":"null"}},)"
      R"("additionalProperties":{"type":"boolean"}})";
  CHECK(valid(open, R"({"ab":null,"a":null})"));
  CHECK_FALSE(valid(open, R"({"a":null,"ab":null})"));
  CHECK(valid(open, R"({"a":null,"abc":true,"b":false,"":true})"));
  CHECK_FALSE(valid(open, R"({"a":true})"));
  CHECK_FALSE(valid(open, R"({"ab":true})"));
  CHECK_FALSE(valid(R"({"properties":{"a":{}}})", R"({"b":1})"));
  CHECK(valid(R"({"type":"object"})", R"({"b":[1,{"c":null}]})"));
  CHECK(valid(R"({"required":["x"]})", R"({"x":[]})"));
}

TEST_CASE("Schemas without values are refused with the reason", "[text][grammar]") {
  const auto check = [](const char* schema, const char* reason) {
    INFO(schema);
    CHECK_THROWS_AS(Grammar::json_schema(schema), UnsatisfiableGrammar);
    CHECK_THROWS_WITH(Grammar::json_schema(schema), contains(reason));
  };
  check("false", "the schema is false");
  check(R"({"type":"array","minItems":3,"maxItems":2})", "minItems 3 is above maxItems 2");
  check(R"({"enum":[]})", "none of 0 constants");
  check(R"({"type":"string","enum":[1,2]})", "none of 2 constants");
  check(R"({"type":"integer","minimum":2.1,"maximum":2.9})", "no integer is within the bounds");
  check(R"({"properties":{"a":{"type":[]}},"required":["a"]})", "#/properties/a");
  check(R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})", "contain itself");
  check(R"({"type":"string","minLength":5,"maxLength":2})", "minLength 5 is above maxLength 2");
  check(R"({"type":"string","pattern":"^ab$","minLength":3})", "has 3 to");
  check(R"({"allOf":[{"type":"string"},{"type":"number"}]})", "no type is allowed");
  // An optional member that cannot be is left out.
  const char* optional = R"({"properties":{"a":false,"b":{"type":"null"}}})";
  CHECK(valid(optional, R"({"b":null})"));
  CHECK_FALSE(valid(optional, R"({"a":1})"));
}

TEST_CASE("What is not supported is refused by name and place", "[text][grammar]") {
  const auto check = [](const char* schema, const char* place, const char* name) {
    INFO(schema);
    CHECK_THROWS_AS(Grammar::json_schema(schema), GrammarError);
    CHECK_THROWS_WITH(Grammar::json_schema(schema), contains(place) && contains(name));
  };
  check(R"({"properties":{"a/b":{"uniqueItems":true}}})", "#/properties/a~1b/uniqueItems",
        "uniqueItems");
  check(R"({"multipleOf":2})", "#/multipleOf", "multipleOf");
  check(R"({"patternProperties":{}})", "#/patternProperties", "patternProperties");
  check(R"({"items":[{}]})", "#/items", "prefixItems");
  check(R"({"not":{}})", "#/not", "\"not\"");
  check(R"({"format":"color"})", "#/format", "\"color\"");
  check(R"({"type":"text"})", "#/type", "string");
  check(R"({"$ref":"other.json"})", "#/$ref", "other.json");
  check(R"({"$ref":"#/$defs/x"})", "#/$ref", "points to nothing");
  check(R"({"$ref":"#"})", "#", "refers to itself");
  check(R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})", "#", "refers to itself");
  check(R"({"minLength":-1})", "#/minLength", "at least 0");
  check(R"({"oneOf":[{"type":"string"},{"minLength":2}]})", "#/oneOf", "branches 0 and 1");
  check(R"({"pattern":"(a"})", "#/pattern", "column 1");
  check(R"({"pattern":"^(ab|c)$","maxLength":1})", "#/pattern", "maxLength");
  check(R"({"type":"number","minimum":0.1234567890123456})", "#", "17 digits");
  CHECK_THROWS_WITH(Grammar::json_schema("{\"a\":1,\"a\":2}"), contains("twice"));
  CHECK_THROWS_WITH(Grammar::json_schema("{"), contains("invalid JSON at byte"));
}

TEST_CASE("oneOf is allowed where its branches exclude each other", "[text][grammar]") {
  CHECK(valid(R"({"oneOf":[{"type":"string"},{"type":"integer","minimum":3}]})", "3"));
  CHECK(valid(R"({"oneOf":[{"type":"integer","minimum":3},{"type":"integer","maximum":2}]})", "2"));
  CHECK(valid(R"({"oneOf":[{"enum":["a","b"]},{"type":"string","minLength":2}]})", R"("a")"));
  const std::string members =
      R"({"type":"object","properties":{"a":{},"b":{}},"oneOf":[)"
      R"({"required":["a"],"properties":{"a":{}},"additionalProperties":false},)"
      R"({"required":["b"],"properties":{"b":{}},"additionalProperties":false}]})";
  CHECK(valid(members, R"({"a":1})"));
  CHECK(valid(members, R"({"b":1})"));
  CHECK_FALSE(valid(members, R"({"a":1,"b":1})"));
}

TEST_CASE("Hostile schemas are refused or stay small", "[text][grammar]") {
  CHECK(valid(R"({"type":"array","maxItems":1000000000,"items":{"type":"null"}})", "[null,null]"));
  CHECK(valid(R"({"type":"string","minLength":0,"maxLength":99999999999999999999})", "\"\""));
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "{\"items\":";
  CHECK_THROWS_WITH(Grammar::json_schema(deep), contains("nested deeper"));
  std::string product = "{\"allOf\":[";
  for (int i = 0; i < 12; ++i) {
    product += std::string(i > 0 ? "," : "") + "{\"anyOf\":[{\"minLength\":" + std::to_string(i) +
               "},{\"maxLength\":" + std::to_string(100 + i) + "}]}";
  }
  CHECK_THROWS_WITH(Grammar::json_schema(product + "]}"), contains("combinations"));
  CHECK_THROWS_WITH(Grammar::json_schema("{\"minimum\":" + std::string(500, '9') + "}"),
                    contains("more than 400 digits") || contains("overflow"));
  CHECK_THROWS_AS(Grammar::json_schema(R"({"minimum":1e999})"), GrammarError);
  CHECK_THROWS_AS(Grammar::json_schema(R"({"const":1e9999})"), GrammarError);
}
