#include "una/containers/json_array.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/containers/containers_testing.h"

namespace una::containers {
namespace {

std::vector<std::string> elements(std::string_view text, std::size_t most) {
  const std::string path = write_rows(test_folder("json_array"), "a.json", text);
  FileBytes file(path);
  ArrayCursor cursor(file, path);
  std::vector<std::string> out;
  for (auto some = cursor.next(most); !some.empty(); some = cursor.next(most)) {
    EXPECT_LE(some.size(), most);
    out.insert(out.end(), some.begin(), some.end());
  }
  EXPECT_EQ(cursor.done(), 1);
  return out;
}

TEST(JsonArray, ElementsEndAtCommasOfTheirOwnDepth) {
  const std::vector<std::string> wanted = {R"({"a": [1, 2], "b": "],\"}\\"})", R"([ "x" ] )", "3", R"("")"};
  for (const std::size_t most : {1U, 3U, 9U}) {
    EXPECT_EQ(
        elements(cat(" [\n", wanted[0], " ,", wanted[1], ",\t", wanted[2], ",", wanted[3], "\r\n]\n"), most),
        (std::vector<std::string>{wanted[0] + " ", wanted[1], wanted[2], wanted[3] + "\r\n"}));
  }
  EXPECT_TRUE(elements("[ ]", 2).empty());
}

TEST(JsonArray, WhatIsNoArrayIsRefused) {
  for (const char* text : {"[", "[1", "[1,", "[\"1]", "[{]", "[1}]", "[1] 2", "[1]]", "[\"\\"}) {
    EXPECT_TRUE(contains(input_error([&] { elements(text, 2); }), "a.json: not a JSON array")) << text;
  }
  EXPECT_TRUE(contains(input_error([] { elements(std::string_view("[1]\0", 4), 2); }), "not a JSON array"));
}

}  // namespace
}  // namespace una::containers
