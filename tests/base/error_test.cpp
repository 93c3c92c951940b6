// SPDX-License-Identifier: Apache-2.0
#include "tutti/base/error.hpp"

#include <ostream>
#include <type_traits>

#include "tests/support/catch.hpp"

using namespace tutti;

namespace {

/// Counts how often it is written to a stream.
struct Counted {
  int* writes;
  friend std::ostream& operator<<(std::ostream& out, const Counted& counted) {
    ++*counted.writes;
    return out << "counted";
  }
};

}  // namespace

TEST_CASE("require writes its parts one after the other into the message") {
  CHECK_THROWS_WITH(require<OptionError>(false, "top_k is ", 0, ", must be at least ", 1,
                                         std::string("; leave it out")),
                    "top_k is 0, must be at least 1; leave it out");
}

TEST_CASE("require throws the type it is told") {
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
