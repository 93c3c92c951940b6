// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exceptions of the library and the two helpers that throw them. Every message names what was
// found, what was wanted (both numbers) and what to do. The checks stay on in Release builds.

#if defined(__GNUC__) && !defined(__EXCEPTIONS)
#error "tutti needs exceptions: compile without -fno-exceptions"
#endif

#include <sstream>
#include <stdexcept>
#include <string>

namespace tutti {

/// Base class of all exceptions that tutti throws.
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
/// or an adapter or expert does not fit the others.
class ModelError : public Error {
 public:
  using Error::Error;
};

/// An option or argument is outside its range.
class OptionError : public Error {
 public:
  using Error::Error;
};

/// A request exceeds a limit: a prompt longer than the context, more positions than the KV cache
/// holds.
class CapacityError : public Error {
 public:
  using Error::Error;
};

/// Invalid numerics: NaN logits, or no token left to draw from.
class NumericError : public Error {
 public:
  using Error::Error;
};

/// A component supplied by the caller violated its contract, e.g. a scorer returned NaN or the
/// wrong number of scores.
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

/// Throws `E` with the concatenation of all parts.
template <class E, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw E(message.str());
}

/// Throws `E` with the concatenation of all parts unless `condition` holds. The parts are formatted
/// only on failure.
template <class E, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace tutti
