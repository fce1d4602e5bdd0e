#include "una/text/python/regex.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::text::python {
namespace {

std::vector<std::string> all(const std::string& pattern, int flags, std::string_view text) {
  std::vector<std::string> out;
  for (const Regex::Match& match : Regex(pattern, flags).find_all(text)) { out.emplace_back(match.text()); }
  return out;
}

using Strings = std::vector<std::string>;

TEST(Regex, FindsWhatPythonFinds) {
  EXPECT_EQ(all(R"(\w+)", 0, "don't x²"), (Strings{"don", "t", "x²"}));
  EXPECT_EQ(all(R"(\[.*?\])", 0, "[a] [b\n] [c]"), (Strings{"[a]", "[c]"}));
  EXPECT_EQ(all(R"(^\s*\*[^\*].*$)", Regex::kMultiline, "* a\n** b\n\n * c"), (Strings{"* a", "\n * c"}));
  EXPECT_EQ(all("ART", Regex::kIgnoreCase, "party"), (Strings{"art"}));
  EXPECT_FALSE(Regex(R"(\bart\b)").found_in("party"));
}

TEST(Regex, SplitsAndReplaces) {
  const auto pieces = Regex(R"(\s?\*\*\*\s?)").split("a *** b***");
  EXPECT_EQ((Strings{pieces.begin(), pieces.end()}), (Strings{"a", "b", ""}));
  EXPECT_EQ(Regex("([:,])([^\\d])").replace("a,b,1", " \\1 \\2"), "a , b,1");
  EXPECT_EQ(Regex("[?!]").replace("a?!", " \\0 "), "a ?  ! ");
}

TEST(Regex, WhatPythonRefusesIsRefused) {
  EXPECT_THROW(Regex("("), InputError);
  EXPECT_THROW(Regex("*a"), InputError);
  EXPECT_THROW(Regex("\\q"), InputError);
}

}  // namespace
}  // namespace una::text::python
