// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exceptions of the library and the two helpers that throw them. Every message names what was
// found, what was wanted (both numbers) and what to do. The checks stay on in Release builds.

#include <sstream>
#include <stdexcept>
#include <string>

namespace tutti {

/// Base of every exception that tutti throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file cannot be read: missing, truncated, malformed, or of a kind that is not supported.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// A well-formed file does not describe a usable model: a tensor is missing or has the wrong shape,
/// an adapter or an expert does not fit its companions.
class ModelError : public Error {
 public:
  using Error::Error;
};

/// An option or argument is outside its range.
class OptionError : public Error {
 public:
  using Error::Error;
};

/// A request needs more than there is: a prompt longer than the context, more rows than the cache
/// holds.
class CapacityError : public Error {
 public:
  using Error::Error;
};

/// Numbers went wrong: NaN logits, or no token left to draw from.
class NumericError : public Error {
 public:
  using Error::Error;
};

/// A component supplied by the caller broke its contract: a scorer returned NaN or the wrong number
/// of scores.
class ComponentError : public Error {
 public:
  using Error::Error;
};

/// A GPU cannot be used: there is none, its driver is too old, its memory is full, or a call to it
/// failed.
class DeviceError : public Error {
 public:
  using Error::Error;
};

/// Throws `E` with all parts written one after the other.
template <class E, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw E(message.str());
}

/// Throws `E` with all parts written one after the other unless `condition` holds. The parts are
/// only formatted on failure.
template <class E, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace tutti
