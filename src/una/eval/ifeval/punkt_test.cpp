#include "una/eval/ifeval/punkt.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::eval::ifeval {
namespace {

using Strings = std::vector<std::string>;

// Parameters of our own, in NLTK's files.
std::string parameters() {
  const std::string folder = test_folder("punkt");
  write_file(folder + "/abbrev_types.txt", "dr\ne.g\nu.s\n");
  write_file(folder + "/sent_starters.txt", "the\nhe\n");
  write_file(folder + "/collocations.tab", "##number##\tmay\n");
  write_file(folder + "/ortho_context.tab", "the\t46\nboat\t96\nsmith\t12\n");
  return folder;
}

Strings sentences(std::string_view text) {
  const Punkt punkt(parameters());
  Strings out;
  for (const std::string_view sentence : punkt.sentences(text)) { out.emplace_back(sentence); }
  return out;
}

TEST(Punkt, AbbreviationsAndNumbersEndNoSentence) {
  EXPECT_EQ(sentences("Dr. Smith has a boat. It is old."), (Strings{"Dr. Smith has a boat.", "It is old."}));
  EXPECT_EQ(sentences("He paid 3.50 for it. Really?! Yes."),
            (Strings{"He paid 3.50 for it.", "Really?!", "Yes."}));
  EXPECT_EQ(sentences("On the 5. May he came."), (Strings{"On the 5. May he came."}));
  EXPECT_EQ(sentences("In the U.S. The boat is here."), (Strings{"In the U.S.", "The boat is here."}));
  EXPECT_EQ(sentences("  \n"), Strings{});
}

TEST(Punkt, ClosingMarksStayWithTheirSentence) {
  EXPECT_EQ(sentences("\"Go on.\" (He went.) The end"), (Strings{"\"Go on.\"", "(He went.)", "The end"}));
}

TEST(Punkt, FoldersWithoutParametersAreNamed) {
  EXPECT_THROW(Punkt("/nonexistent"), InputError);
  EXPECT_THROW(find_punkt_folder("/nonexistent"), InputError);
  const std::string empty = test_folder("punkt_empty");
  // What a failed download may leave.
  std::filesystem::create_directories(empty + "/tokenizers/punkt_tab/english");
  EXPECT_THROW(find_punkt_folder(empty), InputError);
}

}  // namespace
}  // namespace una::eval::ifeval
