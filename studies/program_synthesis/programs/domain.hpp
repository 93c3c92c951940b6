// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the inputs of a problem are: lists of small numbers for the list language; names, dates,
// addresses and the like for the string language. Every domain has fixed probe inputs, on which
// functions are compared.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "programs/language.hpp"
#include "programs/random.hpp"
#include "programs/string_language.hpp"
#include "programs/value.hpp"

namespace programs {

using Inputs = std::vector<Value>;

struct Domain {
  std::string_view name;
  std::vector<Type> types;
  Inputs (*draw)(Random& random, std::size_t style) = nullptr;
  std::vector<Inputs> probes;  ///< kProbes of all styles.
};

/// What the inputs of one problem have in common: of lists the range of the numbers, of texts
/// nothing so far.
inline constexpr std::size_t kStyles = 4;
inline constexpr std::size_t kProbes = 32;

namespace detail {

// One draw in each full expression: the order in which C++ evaluates the operands of + differs
// between compilers.

[[nodiscard]] inline List draw_list(Random& random, std::size_t style) {
  constexpr std::array<std::array<int, 2>, kStyles> kRanges{{{-5, 5}, {-9, 9}, {0, 12}, {-16, 16}}};
  List list(static_cast<std::size_t>(random.between(4, 6)));
  for (int& number : list) number = random.between(kRanges[style][0], kRanges[style][1]);
  return list;
}

[[nodiscard]] inline Inputs draw_one_list(Random& random, std::size_t style) {
  return {draw_list(random, style)};
}

[[nodiscard]] inline Inputs draw_two_lists(Random& random, std::size_t style) {
  List first = draw_list(random, style);
  return {std::move(first), draw_list(random, style)};
}

[[nodiscard]] inline Inputs draw_number_and_list(Random& random, std::size_t style) {
  const int number = random.between(0, 4);
  return {number, draw_list(random, style)};
}

inline constexpr std::array<std::string_view, 20> kFirstNames{
    "Ada",  "Alan", "Barbara", "Claude", "Don",   "Edsger", "Emmy",  "Fran",   "Grace", "Ida",
    "John", "Kurt", "Leslie",  "Lynn",   "Maria", "Niels",  "Radia", "Sophie", "Tim",   "Vera"};
inline constexpr std::array<std::string_view, 20> kLastNames{
    "Allen",   "Bohr",    "Codd",  "Conway",  "Curie",   "Dahl",   "Euler",
    "Godel",   "Hopper",  "Kay",   "Knuth",   "Lamport", "Liskov", "Moore",
    "Noether", "Perlman", "Rubin", "Shannon", "Turing",  "Wing"};
inline constexpr std::array<std::string_view, 12> kMonths{
    "Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sep", "Oct", "Nov", "Dec"};
inline constexpr std::array<std::string_view, 12> kHosts{
    "lab.org", "mit.edu", "mail.com", "cern.ch", "uni.de",   "post.net",
    "acm.org", "web.io",  "ox.uk",    "home.fr", "data.gov", "kth.se"};
inline constexpr std::array<std::string_view, 12> kFolders{
    "src", "img", "docs", "lib", "tmp", "music", "tests", "old", "home", "bin", "data", "www"};
inline constexpr std::array<std::string_view, 14> kFiles{"main", "cat",   "Paper", "index", "notes",
                                                         "Song", "table", "list",  "user",  "Plan",
                                                         "test", "map",   "Tax",   "sun"};
inline constexpr std::array<std::string_view, 10> kExtensions{"cpp", "png", "txt", "js", "md",
                                                              "mp3", "csv", "h",   "py", "json"};
inline constexpr std::array<std::string_view, 16> kStreets{
    "Oak",    "Mill",  "Abbey", "King",  "High",  "Park", "Elm",  "Dock",
    "Bridge", "River", "Maple", "Queen", "North", "Lake", "Moor", "Hill"};
inline constexpr std::array<std::string_view, 6> kWays{"Street", "Lane", "Road",
                                                       "Walk",   "Way",  "Row"};
inline constexpr std::array<std::string_view, 16> kGoods{
    "Tea",  "Coffee", "milk", "Bread", "rice", "Peas", "salt", "Honey",
    "figs", "Pasta",  "oil",  "Plums", "beer", "Corn", "eggs", "Soap"};
inline constexpr std::array<std::string_view, 5> kCurrencies{"EUR", "GBP", "USD", "CHF", "SEK"};
inline constexpr std::string_view kCapitalLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  modify(Modifier::lower, lower);
  return lower;
}

[[nodiscard]] inline std::string letters(Random& random, int count) {
  std::string text;
  while (count-- > 0) text += random.pick(kCapitalLetters);
  return text;
}

[[nodiscard]] inline std::string digits(Random& random, int count) {
  std::string text;
  while (count-- > 0) text += static_cast<char>('0' + random.between(0, 9));
  return text;
}

[[nodiscard]] inline std::string two_digits(int number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

/// `Ada Lovelace`, `Grace B. Hopper`
[[nodiscard]] inline Inputs draw_name(Random& random, std::size_t) {
  std::string text(random.pick(kFirstNames));
  if (random.chance(25)) text += ' ' + letters(random, 1) + '.';
  return {text.append(" ").append(random.pick(kLastNames))};
}

/// `hopper, grace`
[[nodiscard]] inline Inputs draw_catalog_name(Random& random, std::size_t) {
  std::string text = lower_case(random.pick(kLastNames));
  return {text.append(", ").append(lower_case(random.pick(kFirstNames)))};
}

/// `7 May 1999`
[[nodiscard]] inline Inputs draw_date(Random& random, std::size_t) {
  std::string text = std::to_string(random.between(1, 28));
  text.append(" ").append(random.pick(kMonths));
  return {text + ' ' + std::to_string(random.between(1900, 2030))};
}

/// `1999-05-07`
[[nodiscard]] inline Inputs draw_iso_date(Random& random, std::size_t) {
  std::string text = std::to_string(random.between(1900, 2030));
  text += '-' + two_digits(random.between(1, 12));
  return {text + '-' + two_digits(random.between(1, 28))};
}

/// `ada.k@lab.org`, `g.hopper@acm.org`, `emmy_7@uni.de`, `tim@mit.edu`
[[nodiscard]] inline Inputs draw_email(Random& random, std::size_t) {
  const std::string first = lower_case(random.pick(kFirstNames));
  const std::string last = lower_case(random.pick(kLastNames));
  const std::array<std::string, 4> users{first + '.' + last[0], first.substr(0, 1) + '.' + last,
                                         first + '_' + digits(random, 1), first};
  std::string text = random.pick(users);
  return {text.append("@").append(random.pick(kHosts))};
}

/// `src/main.cpp`, `img/cat_2.png`
[[nodiscard]] inline Inputs draw_file(Random& random, std::size_t) {
  std::string text(random.pick(kFolders));
  text.append("/").append(random.pick(kFiles));
  if (random.chance(40)) text += '_' + digits(random, 1);
  return {text.append(".").append(random.pick(kExtensions))};
}

/// `KX-204-b`
[[nodiscard]] inline Inputs draw_part(Random& random, std::size_t) {
  std::string text = letters(random, random.between(1, 3));
  text += '-' + digits(random, random.between(2, 4));
  return {text + '-' + lower_case(letters(random, random.between(1, 2)))};
}

/// `12 Oak Street`
[[nodiscard]] inline Inputs draw_address(Random& random, std::size_t) {
  std::string text = std::to_string(random.between(1, 140));
  text.append(" ").append(random.pick(kStreets));
  return {text.append(" ").append(random.pick(kWays))};
}

/// `+44 (20) 555`
[[nodiscard]] inline Inputs draw_phone(Random& random, std::size_t) {
  std::string text = '+' + std::to_string(random.chance(30) ? random.between(1, 7)
                                                            : random.between(20, 99));
  text += " (" + std::to_string(random.between(10, 299)) + ") ";
  return {text + digits(random, random.between(3, 5))};
}

/// `Tea: 3.50 GBP`
[[nodiscard]] inline Inputs draw_price(Random& random, std::size_t) {
  std::string text(random.pick(kGoods));
  text += ": " + std::to_string(random.between(1, 20));
  text += '.' + digits(random, 2);
  return {text.append(" ").append(random.pick(kCurrencies))};
}

[[nodiscard]] inline std::vector<Domain> make_domains() {
  std::vector<Domain> all{
      {"a list", {Type::list}, draw_one_list, {}},
      {"two lists", {Type::list, Type::list}, draw_two_lists, {}},
      {"a number and a list", {Type::number, Type::list}, draw_number_and_list, {}},
      {"names", {Type::text}, draw_name, {}},
      {"catalog names", {Type::text}, draw_catalog_name, {}},
      {"dates", {Type::text}, draw_date, {}},
      {"ISO dates", {Type::text}, draw_iso_date, {}},
      {"email addresses", {Type::text}, draw_email, {}},
      {"files", {Type::text}, draw_file, {}},
      {"part numbers", {Type::text}, draw_part, {}},
      {"street addresses", {Type::text}, draw_address, {}},
      {"telephone numbers", {Type::text}, draw_phone, {}},
      {"prices", {Type::text}, draw_price, {}},
  };
  // Changing this seed moves functions between the splits, and with them every problem set.
  constexpr std::uint64_t kProbeSeed = 20170706;
  for (std::size_t d = 0; d < all.size(); ++d) {
    Random random(kProbeSeed, d);
    for (std::size_t i = 0; i < kProbes; ++i)
      all[d].probes.push_back(all[d].draw(random, i % kStyles));
  }
  return all;
}

}  // namespace detail

inline constexpr std::size_t kListDomains = 3;

/// The domains of lists, then those of texts.
[[nodiscard]] inline const std::vector<Domain>& domains() {
  static const std::vector<Domain> all = detail::make_domains();
  return all;
}

}  // namespace programs
