// SPDX-License-Identifier: Apache-2.0
#pragma once
// The exceptions of the library and the two helpers that throw them. Every message names what was
// found, what was wanted (both numbers) and what to do. The checks stay on in Release builds.

#if defined(__GNUC__) && !defined(__EXCEPTIONS)
#error "tutti needs exceptions: compile without -fno-exceptions"
#endif

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "tutti/base/macros.hpp"

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

/// More requests wait than an engine accepts: a later attempt may succeed.
class QueueFullError : public CapacityError {
 public:
  using CapacityError::CapacityError;
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

/// A request was ended from outside: its engine was destroyed, or its StopToken or deadline ended
/// it where there is nothing to return.
class CanceledError : public Error {
 public:
  using Error::Error;
};

/// A GPU cannot be used: there is none, its driver is too old, its memory is full, or a call to it
/// failed.
class DeviceError : public Error {
 public:
  using Error::Error;
};

namespace detail {

/// A text, a character or a number in a message. No stream, since every call of `require` with
/// other types would make a compiler instantiate one.
class MessagePart {
 public:
  /// Anything that converts to std::string_view, and numbers.
  template <class T>
  explicit MessagePart(const T& part) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      text_ = part;
    } else if constexpr (std::is_same_v<T, char>) {
      text_ = std::string_view(&part, 1);
    } else if constexpr (std::is_floating_point_v<T>) {
      kind_ = Kind::real;
      real_ = static_cast<double>(part);
    } else if constexpr (std::is_signed_v<T>) {
      kind_ = Kind::signed_integer;
      integer_ = static_cast<unsigned long long>(static_cast<long long>(part));
    } else {
      static_assert(std::is_unsigned_v<T>, "parts of a message are texts and numbers");
      kind_ = Kind::unsigned_integer;
      integer_ = part;
    }
  }

  /// Numbers as std::ostream writes them by default: six significant digits.
  TUTTI_INLINE void append_to(std::string& message) const;

 private:
  enum class Kind : unsigned char { text, signed_integer, unsigned_integer, real };

  Kind kind_ = Kind::text;
  std::string_view text_;
  union {
    unsigned long long integer_ = 0;
    double real_;
  };
};

#if defined(TUTTI_KERNEL_SET)  // src/kernels/*.cpp; src/base.cpp has the body
[[nodiscard]] std::string message_of(std::span<const MessagePart> parts);
#else
[[nodiscard]] TUTTI_INLINE std::string message_of(std::span<const MessagePart> parts);
#endif

template <class E>
[[noreturn]] void throw_message(std::span<const MessagePart> parts) {
  throw E(message_of(parts));
}

}  // namespace detail

/// Throws `E` with the concatenation of all parts, which are texts and numbers.
template <class E, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  const detail::MessagePart list[] = {detail::MessagePart(parts)...};
  detail::throw_message<E>(list);
}

/// Throws `E` with the concatenation of all parts unless `condition` holds. The parts are formatted
/// only on failure.
template <class E, class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace tutti

#if !defined(TUTTI_COMPILED) && !defined(TUTTI_KERNEL_SET)
#include "tutti/base/error-inl.hpp"
#endif
