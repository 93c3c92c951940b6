// SPDX-License-Identifier: Apache-2.0
#pragma once
// The formats of JSON Schema that are supported, as regular expressions. Each matches only valid
// texts, though not all of them where the full syntax is large (email, uri).

#include <string_view>

namespace tutti::grammar {

inline constexpr std::string_view kSupportedFormats =
    "date, date-time, time, email, hostname, ipv4, uuid and uri";

// RFC 3339. The 29th of February only in leap years, no year 0000, no leap seconds.
#define TUTTI_YEAR "(?:000[1-9]|00[1-9]\\d|0[1-9]\\d\\d|[1-9]\\d\\d\\d)"
#define TUTTI_LEAP_YEAR \
  "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
#define TUTTI_DATE                                                                       \
  "(?:" TUTTI_YEAR                                                                       \
  "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|" \
  "02-(?:0[1-9]|1\\d|2[0-8]))|" TUTTI_LEAP_YEAR "-02-29)"
#define TUTTI_TIME                                                                   \
  "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):" \
  "[0-5]\\d)"
#define TUTTI_LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define TUTTI_HOST "(?:" TUTTI_LABEL "(?:\\." TUTTI_LABEL "){0,3})"
#define TUTTI_OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"

/// @returns an empty text for a format that is not supported.
[[nodiscard]] constexpr std::string_view pattern_of_format(std::string_view format) {
  if (format == "date") return TUTTI_DATE;
  if (format == "date-time") return TUTTI_DATE "T" TUTTI_TIME;
  if (format == "time") return TUTTI_TIME;
  if (format == "email") {
    return "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}){0,1}"
           "@" TUTTI_LABEL "(?:\\." TUTTI_LABEL "){1,3}";
  }
  if (format == "hostname") return TUTTI_HOST;
  if (format == "ipv4") return TUTTI_OCTET "(?:\\." TUTTI_OCTET "){3}";
  if (format == "uuid")
    return "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}";
  if (format == "uri") {
    return "[A-Za-z][A-Za-z0-9+.-]*://" TUTTI_HOST
           "(?::\\d{1,5})?"
           "(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*"
           "(?:\\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
           "(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?";
  }
  return {};
}

#undef TUTTI_YEAR
#undef TUTTI_LEAP_YEAR
#undef TUTTI_DATE
#undef TUTTI_TIME
#undef TUTTI_LABEL
#undef TUTTI_HOST
#undef TUTTI_OCTET

}  // namespace tutti::grammar
