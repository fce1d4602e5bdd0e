#include "una/eval/ifeval/python_json.h"

#include <string>

#include <gtest/gtest.h>

namespace una::eval::ifeval {
namespace {

TEST(PythonJson, TakesWhatPythonTakes) {
  for (const char* text :
       {"{}", "[1, 2]", " 3 ", "NaN", "-Infinity", R"({"a": 1, "a": 2})", R"("\ud800")", "1e400", "-0",
        "1E+2", "123456789012345678901234567890", "[[], {}, null, true, 1.5]", "\"\x7f\""}) {
    EXPECT_TRUE(python_loads(text)) << text;
  }
}

TEST(PythonJson, RefusesWhatPythonRefuses) {
  for (const char* text :
       {"", "01", "1.", ".5", "+1", "--1", "-NaN", "[1", "[1,]", "{'a': 1}", R"({"a": 1,})", R"({"a" 1})",
        "\"a\nb\"", "\"a\tb\"", R"("\q")", R"("\u12g4")", "{} x", "\u00a0{}", "nul"}) {
    EXPECT_FALSE(python_loads(text)) << text;
  }
  EXPECT_FALSE(python_loads(std::string(5000, '[') + std::string(5000, ']')));
  EXPECT_FALSE(python_loads(std::string(4301, '1')));
}

}  // namespace
}  // namespace una::eval::ifeval
