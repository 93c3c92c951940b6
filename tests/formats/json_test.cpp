// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/json.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;

TEST_CASE("Sound JSON keeps all its values") {
  const Json json = parse_json(
      R"( {"a": [1, -2, 0.5, true, null], "b": {"c": "\u00e4"}, "d": []} )", "f");
  CHECK(json == Json::parse(R"({"a": [1, -2, 0.5, true, null], "b": {"c": "\u00e4"}, "d": []})"));
  CHECK(parse_json("3", "f") == 3);
  CHECK(parse_json("[[1], [2, [3]]]", "f") == Json::parse("[[1], [2, [3]]]"));
}

TEST_CASE("A duplicate key is refused, where a plain parse keeps the last") {
  CHECK_THROWS_WITH(parse_json(R"({"a": 1, "b": {}, "a": 2})", "x.json"),
                    "x.json: duplicate JSON key \"a\" at byte 21");
  CHECK_THROWS_AS(parse_json(R"([{"k": {"a": 1, "\u0061": 2}}])", "f"),
                  FormatError);  // equal after unescaping
  CHECK_NOTHROW(parse_json(R"([{"a": 1}, {"a": {"a": 2}}])", "f"));
}

TEST_CASE("Nesting is limited to 127 levels") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK_NOTHROW(parse_json(nested(127), "f"));
  CHECK_THROWS_WITH(parse_json(nested(128), "f"),
                    contains("nested deeper than 127 levels at byte 128"));
  CHECK_THROWS_AS(parse_json(std::string(1'000'000, '['), "f"), FormatError);
}

TEST_CASE("Invalid JSON is refused with the file and the byte") {
  CHECK_THROWS_WITH(parse_json("{\"a\": 1", "x.json"),
                    contains("x.json: invalid JSON at byte 8: "));
  for (const char* text : {"", " ", "{", "[1,]", "{\"a\" 1}", "nul", "01", "1 2", "{} x", "'a'",
                           "[1e999]", "\"\\x\"", "// c\n1"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_json(text, "f"), FormatError);
  }
}

TEST_CASE("Invalid UTF-8 and lone surrogates are refused") {
  for (const char* text : {"\"\xFF\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
                           "\"\xE2\x82\"", "\"\\ud800\""}) {
    CHECK_THROWS_WITH(parse_json(text, "f"), contains("f: invalid JSON at byte"));
  }
}

TEST_CASE("A NUL does not hide what follows it") {
  CHECK_THROWS_WITH(parse_json(std::string("{}\0{", 4), "f"), contains("at byte 2: a NUL byte"));
}

TEST_CASE("Messages about garbage stay short and printable") {
  try {
    (void)parse_json("\"" + std::string(100'000, '\x1B'), "f");
    FAIL("not refused");
  } catch (const FormatError& error) {
    const std::string message = error.what();
    CHECK(message.size() < 1000);
    CHECK(message.find('\x1B') == std::string::npos);
  }
}

TEST_CASE(
    "Accessors give typed values, defaults for absent or null ones, and nothing for optional "
    "ones") {
  const Json json = parse_json(R"({"n": 3, "x": 2.5, "s": "t", "b": true, "l": [1, 2], "z": null})",
                               "f");
  CHECK(json_get<std::size_t>(json, "n", "f") == 3);
  CHECK(json_get<std::int8_t>(json, "n", "f") == 3);
  CHECK(json_get<float>(json, "n", "f") == 3.0F);
  CHECK(json_get<double>(json, "x", "f") == 2.5);
  CHECK(json_get<std::string>(json, "s", "f") == "t");
  CHECK(json_get<bool>(json, "b", "f"));
  CHECK(json_get<std::vector<int>>(json, "l", "f") == std::vector<int>{1, 2});
  CHECK(json_get<int>(json, "absent", "f", 7) == 7);
  CHECK(json_get<int>(json, "z", "f", 7) == 7);
  CHECK_FALSE(json_optional<int>(json, "z", "f").has_value());
}

TEST_CASE("Accessors say what they found and what they expected") {
  const Json json = parse_json(
      R"({"n": -3, "x": 2.5, "s": "t", "big": 18446744073709551616, "l": [1, "a"], "huge": 1e300})",
      "f");
  CHECK_THROWS_WITH(
      json_get<std::size_t>(json, "n", "c.json"),
      "c.json: \"n\" is the number -3, expected a whole number from 0 to 18446744073709551615");
  CHECK_THROWS_WITH(json_get<int>(json, "x", "f"),
                    contains("\"x\" is the number 2.5, expected a whole number"));
  CHECK_THROWS_WITH(json_get<std::uint64_t>(json, "big", "f"), contains("expected a whole number"));
  CHECK_THROWS_WITH(json_get<float>(json, "huge", "f"), contains("expected a finite number"));
  CHECK_THROWS_WITH(json_get<int>(json, "s", "f"), contains("\"s\" is the string \"t\""));
  CHECK_THROWS_WITH(json_get<bool>(json, "n", "f", true), contains("expected true or false"));
  CHECK_THROWS_WITH(json_get<std::string>(json, "absent", "f"),
                    "f: \"absent\" is missing, expected a string");
  CHECK_THROWS_WITH(json_get<std::vector<int>>(json, "l", "f"),
                    contains("\"l\" is an array, expected an array, each item a whole"));
  CHECK_THROWS_WITH(json_get<int>(Json::array(), "n", "f"),
                    contains("expected an object around \"n\", found an array"));
}

TEST_CASE("The numbers that only Python's JSON has are read as strings, outside of strings only") {
  const test::TemporaryDirectory directory;
  const auto read = [&](const char* text) {
    return read_python_json_file(directory.write("x.json", text));
  };
  CHECK(read(R"({"a": NaN, "b": [0.0, Infinity, -Infinity], "NaN": "\"NaN, Infinity\\"})") ==
        Json::parse(R"({"a": "NaN", "b": [0.0, "Infinity", "-Infinity"],
                        "NaN": "\"NaN, Infinity\\"})"));
  CHECK(read("[1, 2]") == Json::parse("[1, 2]"));
  CHECK_THROWS_WITH(json_get<float>(read(R"({"a": NaN})"), "a", "f"),
                    contains("\"a\" is the string \"NaN\", expected a finite number"));
  for (const char* text :
       {"[nan]", "[NaNs]", "[+Infinity]", "[--Infinity]", "[1NaN]", "[NaN", "\"NaN"})
    CHECK_THROWS_AS(read(text), FormatError);
  CHECK_THROWS_AS(read_json_file(directory.write("x.json", "[NaN]")), FormatError);
}

TEST_CASE("A missing file is a FormatError") {
  const test::TemporaryDirectory directory;
  CHECK_THROWS_AS(read_json_file(directory.path() / "no.json"), FormatError);
  CHECK(read_json_file(directory.write("yes.json", "[1]")) == Json::parse("[1]"));
  CHECK_THROWS_AS(read_json_file(directory.write("empty.json", "")), FormatError);
}

TEST_CASE("A file too large for parsed JSON to fit memory is refused by its size") {
  const test::TemporaryDirectory directory;
  const std::filesystem::path path = directory.write("large.json", "[1]");
  std::filesystem::resize_file(path, kMaxJsonBytes + 1);  // sparse
  CHECK_THROWS_WITH(
      read_json_file(path),
      test::contains("large.json: 134217729 bytes of JSON, at most 134217728 are read"));
}

}  // namespace
}  // namespace tutti
