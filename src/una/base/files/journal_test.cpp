#include "una/base/files/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {

const Journal::Kind kKind{.member = "work", .mismatch = " is other work"};

std::vector<int> numbers(const Journal& journal) {
  std::vector<int> out;
  journal.read([&](const Json& line, std::int64_t place) {
    out.push_back(line.at("n").get<int>());
    EXPECT_EQ(journal.at(place), line);
  });
  return out;
}

TEST(Journal, GoesOnBehindWhatWasWritten) {
  const std::string path = test_folder("journal") + "/out.partial";
  {
    Journal journal(path, kKind, "id");
    EXPECT_TRUE(journal.is_empty());
    journal.add({{"n", 1}});
    EXPECT_EQ(journal.at(journal.add({{"n", 2}})).at("n"), 2);
  }
  const std::string before = read_file(path);
  Journal again(path, kKind, "id");
  EXPECT_EQ(read_file(path), before) << "a file that ends with a whole line stays as it is";
  EXPECT_FALSE(again.is_empty());
  again.add({{"n", 3}});
  EXPECT_EQ(numbers(again), (std::vector<int>{1, 2, 3}));
}

TEST(Journal, ATornLineCountsAsNotWritten) {
  const std::string path = test_folder("journal_torn") + "/out.partial";
  { Journal(path, kKind, "id").add({{"n", 1}}); }
  const std::string whole = read_file(path);
  write_file(path, whole + R"({"n":)");
  Journal journal(path, kKind, "id");
  EXPECT_EQ(read_file(path), whole);
  EXPECT_EQ(journal.at(journal.add({{"n", 3}})).at("n"), 3);
  EXPECT_EQ(numbers(journal), (std::vector<int>{1, 3}));
}

TEST(Journal, AFileWithoutAWholeFirstLineIsStartedAgain) {
  const std::string path = test_folder("journal_first") + "/out.partial";
  for (const std::string& text :
       {std::string(), std::string(R"({"work":"ano)"), std::string("{"), std::string(64, '\0')}) {
    write_file(path, text);
    EXPECT_TRUE(Journal(path, kKind, "id").is_empty());
    EXPECT_EQ(read_file(path), "{\"work\":\"id\"}\n");
  }
}

TEST(Journal, OtherWorkAndOtherFilesAreRefusedAndStay) {
  const std::string path = test_folder("journal_other") + "/out.partial";
  for (const std::string text :
       {"{\"work\":\"another\"}\n", "{\"rows\":\"id\"}\n", "someone's notes\n", "notes"}) {
    write_file(path, text);
    EXPECT_THROW(Journal(path, kKind, "id"), InputError);
    EXPECT_EQ(read_file(path), text);
  }
}

TEST(Journal, OneThatCannotBeOpenedIsNotOneWithoutWork) {
  const std::string path = test_folder("journal_unreadable") + "/out.partial";
  Journal journal(path, kKind, "id");
  journal.add({{"n", 1}});
  ::unlink(path.c_str());
  EXPECT_THROW(numbers(journal), InputError);
}

TEST(Journal, IsRemovedWhenItsWorkIsDone) {
  const std::string path = test_folder("journal_removed") + "/out.partial";
  Journal journal(path, kKind, "id");
  journal.remove();
  EXPECT_FALSE(is_file(path));
}

}  // namespace
}  // namespace una
