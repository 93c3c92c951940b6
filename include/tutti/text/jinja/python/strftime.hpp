// SPDX-License-Identifier: Apache-2.0
#pragma once
// strftime with English names whatever the locale, for the directives that templates use.

#include <array>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

#include "tutti/base/error.hpp"
#include "tutti/formats/checked.hpp"

namespace tutti::jinja {

namespace detail {

/// Days from 1970-01-01 to the date (Howard Hinnant, "chrono-compatible low-level date
/// algorithms").
[[nodiscard]] constexpr long long days_from_civil(long long year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const long long era = (year >= 0 ? year : year - 399) / 400;
  const long long year_of_era = year - era * 400;
  const long long day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const long long day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
                               day_of_year;
  return era * 146097 + day_of_era - 719468;
}

[[nodiscard]] inline std::string padded(long long value, std::size_t width, char fill = '0') {
  const std::string digits = std::to_string(value);
  return std::string(digits.size() < width ? width - digits.size() : 0, fill) + digits;
}

/// One directive; empty if it is not supported. Weekday and day of the year come from the date.
[[nodiscard]] inline std::string time_field(const std::tm& time, char directive) {
  constexpr std::array<std::string_view, 12> kMonths{
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
  const long long year = 1900LL + time.tm_year;
  const long long days = days_from_civil(year, time.tm_mon + 1, time.tm_mday);
  const auto weekday = static_cast<std::size_t>(((days + 4) % 7 + 7) % 7);
  const auto month = static_cast<std::size_t>(time.tm_mon);
  const int hour = time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12;
  const auto join = [&](std::string_view directives, char separator) {
    std::string result;
    for (const char part : directives) {
      if (!result.empty()) result += separator;
      result += time_field(time, part);
    }
    return result;
  };
  switch (directive) {
    case 'd': return padded(time.tm_mday, 2);
    case 'e': return padded(time.tm_mday, 2, ' ');
    case 'b':
    case 'h': return std::string(kMonths[month].substr(0, 3));
    case 'B': return std::string(kMonths[month]);
    case 'm': return padded(time.tm_mon + 1, 2);
    case 'Y': return std::to_string(year);
    case 'y': return padded(year % 100, 2);
    case 'H': return padded(time.tm_hour, 2);
    case 'I': return padded(hour, 2);
    case 'M': return padded(time.tm_min, 2);
    case 'S': return padded(time.tm_sec, 2);
    case 'f': return "000000";
    case 'p': return time.tm_hour < 12 ? "AM" : "PM";
    case 'a': return std::string(kDays[weekday].substr(0, 3));
    case 'A': return std::string(kDays[weekday]);
    case 'w': return std::to_string(weekday);
    case 'u': return std::to_string(weekday == 0 ? 7 : weekday);
    case 'j': return padded(days - days_from_civil(year, 1, 1) + 1, 3);
    case 'F': return join("Ymd", '-');
    case 'T': return join("HMS", ':');
    case 'R': return join("HM", ':');
    case 'D': return join("mdy", '/');
    case 'n': return "\n";
    case 't': return "\t";
    case '%': return "%";
    default: return {};
  }
}

}  // namespace detail

/// @param time only the date and the time of day are read.
/// @throws FormatError for a directive that is not supported, OptionError for no valid date.
[[nodiscard]] inline std::string format_time(std::string_view format, const std::tm& time) {
  const bool is_valid = time.tm_mon >= 0 && time.tm_mon < 12 && time.tm_mday >= 1 &&
                        time.tm_mday <= 31 && time.tm_hour >= 0 && time.tm_hour < 24 &&
                        time.tm_min >= 0 && time.tm_min < 60 && time.tm_sec >= 0 &&
                        time.tm_sec <= 60 && time.tm_year >= -1900 && time.tm_year < 8100;
  require<OptionError>(is_valid, "the time for strftime_now is no valid date and time of day");
  std::string result;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      result += format[at];
      continue;
    }
    ++at;
    const bool unpadded = at < format.size() && format[at] == '-';
    if (unpadded) ++at;
    std::string field = at < format.size() ? detail::time_field(time, format[at]) : std::string();
    require<FormatError>(!field.empty(), "the time format ",
                         in_quotes(format.substr(0, std::min(at + 1, format.size()))),
                         " ends in a directive that is not supported");
    while (unpadded && field.size() > 1 && (field[0] == '0' || field[0] == ' ')) field.erase(0, 1);
    result += field;
  }
  return result;
}

/// The local time of the system's clock.
[[nodiscard]] inline std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm result{};
#if defined(_WIN32)
  localtime_s(&result, &now);
#else
  localtime_r(&now, &result);
#endif
  return result;
}

}  // namespace tutti::jinja
