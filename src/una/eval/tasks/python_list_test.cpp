#include "una/eval/tasks/python_list.h"

#include <gtest/gtest.h>

namespace una::eval {
namespace {

using Strings = std::vector<std::string>;

// What ast.literal_eval gives for the same texts.
TEST(PythonList, ReadsBothKindsOfQuotesAndWhatPythonAllowsAroundThem) {
  EXPECT_EQ(parse_python_list("['a', \"b's\"]"), (Strings{"a", "b's"}));
  EXPECT_EQ(parse_python_list(" [ 'a' ,'b', ] \n"), (Strings{"a", "b"})) << "a comma may end the list";
  EXPECT_EQ(parse_python_list("['[x], \"y\"']"), (Strings{"[x], \"y\""}));
  EXPECT_EQ(parse_python_list("[]"), Strings{});
  EXPECT_EQ(parse_python_list("['']"), Strings{""});
}

TEST(PythonList, EscapesAreThoseOfPython) {
  EXPECT_EQ(parse_python_list(R"(['a\nb\t\\\'\"'])"), Strings{"a\nb\t\\'\""});
  EXPECT_EQ(parse_python_list(R"(['\xe9\u00fc\u20ac\U0001f600'])"), Strings{"\u00e9\u00fc\u20ac\U0001f600"});
  EXPECT_EQ(parse_python_list(R"(['\d \q'])"), Strings{"\\d \\q"}) << "an unknown escape keeps its backslash";
  EXPECT_EQ(parse_python_list("['a\\\nb']"), Strings{"ab"}) << "a backslash joins lines";
  EXPECT_EQ(parse_python_list(R"(['\101\60x\0'])"), Strings{std::string("A0x\0", 4)}) << "octal digits";
  EXPECT_EQ(parse_python_list(R"(['\1019'])"), Strings{"A9"}) << "at most three, below 8";
}

TEST(PythonList, AnythingElseIsNoListOfStrings) {
  for (const char* text : {"", "'a'", "['a'", "['a', 1]", "['a' 'b']", "[,]", "['a',,'b']", "['a']x",
                           "['a\nb']", "['a", "[\"a']", R"(['\x1'])", R"(['\xzz'])", R"(['\U00110000'])",
                           R"(['\ud800'])", R"(['\N{BULLET}'])", "['a\\"}) {
    EXPECT_FALSE(parse_python_list(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace una::eval
