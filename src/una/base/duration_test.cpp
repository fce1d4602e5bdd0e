#include "una/base/duration.h"

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una {
namespace {

TEST(Duration, IsReadInTheFormsOfSlurm) {
  EXPECT_EQ(parse_duration("03:45:00", "save_before"), 13500);
  EXPECT_EQ(parse_duration("90:30", "save_before"), 5430);
  EXPECT_EQ(parse_duration("5400", "save_before"), 5400);
  EXPECT_EQ(parse_duration("1-12:00:01", "save_before"), 129601);
}

TEST(Duration, AnythingElseIsRefusedByName) {
  for (const char* text :
       {"", "0", "00:00:00", "1:2:3:4", "1:60", "-5", "1-", "1-12", "2h", "1:-3", "1.5", ":30"}) {
    try {
      parse_duration(text, "save_before");
      ADD_FAILURE() << text;
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).rfind(std::string("save_before is '") + text + "'", 0), 0U)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace una
