// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/error.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

/// Counts how often it is read as a text.
struct Counted {
  int* writes;
  operator std::string_view() const {  // NOLINT(google-explicit-constructor)
    ++*writes;
    return "counted";
  }
};

}  // namespace

TEST_CASE("require writes its parts one after the other into the message") {
  CHECK_THROWS_WITH(require<OptionError>(false, "top_k is ", 0, ", must be at least ", 1,
                                         std::string("; leave it out")),
                    "top_k is 0, must be at least 1; leave it out");
}

TEST_CASE("numbers in messages are as std::ostream writes them") {
  CHECK_THROWS_WITH(
      fail<OptionError>(-3, ' ', std::uint8_t{200}, " ", true, " ", 1e-6F, " ", 0.1, " ", 1234567.0,
                        " ", 2.0F, " ", std::numeric_limits<std::uint64_t>::max()),
      "-3 200 1 1e-06 0.1 1.23457e+06 2 18446744073709551615");
}

TEST_CASE("require throws the given type") {
  CHECK_THROWS_AS(require<FormatError>(false, "x"), FormatError);
  CHECK_THROWS_AS(require<ModelError>(false, "x"), ModelError);
  CHECK_THROWS_AS(require<CapacityError>(false, "x"), CapacityError);
  CHECK_THROWS_AS(fail<NumericError>("x"), NumericError);
  CHECK_THROWS_AS(fail<ComponentError>("x"), ComponentError);
}

TEST_CASE("require does nothing when the condition holds and does not format the message") {
  int writes = 0;
  require<OptionError>(true, "unused ", Counted{&writes});
  CHECK(writes == 0);
  CHECK_THROWS_WITH(require<OptionError>(false, "used ", Counted{&writes}), "used counted");
  CHECK(writes == 1);
}

TEST_CASE("every exception is caught as tutti::Error and as std::runtime_error, none as another") {
  static_assert(std::is_base_of_v<std::runtime_error, Error>);
  static_assert(std::is_base_of_v<Error, FormatError> && std::is_base_of_v<Error, ModelError> &&
                std::is_base_of_v<Error, OptionError>);
  static_assert(std::is_base_of_v<Error, CapacityError> && std::is_base_of_v<Error, NumericError> &&
                std::is_base_of_v<Error, ComponentError>);
  static_assert(!std::is_base_of_v<FormatError, ModelError> &&
                !std::is_base_of_v<ModelError, FormatError>);
  CHECK_THROWS_AS(fail<ModelError>("x"), Error);
}
