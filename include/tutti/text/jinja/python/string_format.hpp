// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's two ways to fill in strings: "%s" % value and "{}".format(value).

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

/// format % values: %s %r %d %i %x %o %f %e %g with flags, width and precision, and %(name)s.
/// @throws FormatError for what is not supported, OptionError when the values do not fit.
[[nodiscard]] TaintedText percent_format(Runtime& runtime, const TaintedText& format,
                                         const Value& values);

/// format.format(arguments): fields {}, {0} and {name}, with !s and !r; no format after a colon.
/// @throws FormatError for what is not supported, OptionError when the arguments do not fit.
[[nodiscard]] TaintedText brace_format(Runtime& runtime, const TaintedText& format,
                                       const Arguments& arguments);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/python/string_format-inl.hpp"
#endif
