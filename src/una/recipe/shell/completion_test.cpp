#include "una/recipe/shell/completion.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/recipe/shell/man_page.h"

namespace una::recipe {
namespace {

std::vector<CompletedCommand> two_commands() {
  return {
      {.name = "dpo",
       .summary = "pairs: it's \"direct\"",
       .keys = {{.name = "beta", .fallback = "0.1", .help = "don't: $HOME `x`"},
                {.name = "bf16", .fallback = "false", .help = "a switch", .kind = detail::FieldKind::kBool}}},
      {.name = "score", .summary = "rewards", .keys = {{.name = "data", .fallback = "", .help = "rows"}}}};
}

bool has_program(const std::string& name) {
  return std::system(cat("command -v ", name, " > /dev/null 2>&1").c_str()) == 0;
}

// What bash offers behind the words, one per line, the last word being completed.
std::string bash_offers(const std::string& words) {
  const std::string folder = test_folder("completion");
  write_file(folder + "/una.bash", completion_script("bash", two_commands()));
  write_file(folder + "/ask.bash", cat("source ", folder, "/una.bash\nCOMP_WORDS=(", words,
                                       ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_una\nprintf '%s\\n' "
                                       "\"${COMPREPLY[@]}\" > ",
                                       folder, "/offers\n"));
  EXPECT_EQ(std::system(cat("bash ", folder, "/ask.bash").c_str()), 0);
  return read_file(folder + "/offers");
}

TEST(Completion, BashOffersCommandsKeysAndTheValuesOfSwitches) {
  if (!has_program("bash")) { GTEST_SKIP() << "there is no bash"; }
  EXPECT_EQ(bash_offers("una d"), "dpo\n");
  EXPECT_EQ(bash_offers("una dpo --b"), "--beta\n--bf16\n");
  EXPECT_EQ(bash_offers("una score --b"), "\n");
  EXPECT_EQ(bash_offers("una dpo --bf16 t"), "true\n");
  EXPECT_EQ(bash_offers("una help s"), "score\n");
}

TEST(Completion, TheOtherShellsReadTheirScripts) {
  const std::string folder = test_folder("completion_others");
  int tried = 0;
  for (const char* shell : {"zsh", "fish"}) {
    write_file(cat(folder, "/", shell), completion_script(shell, two_commands()));
    if (!has_program(shell)) { continue; }
    ++tried;
    EXPECT_EQ(std::system(cat(shell, " -n ", folder, "/", shell).c_str()), 0) << shell;
  }
  if (tried == 0) { GTEST_SKIP() << "there is neither zsh nor fish"; }
}

TEST(Completion, ZshAndFishHaveEveryKey) {
  const std::string zsh = completion_script("zsh", two_commands()),
                    fish = completion_script("fish", two_commands());
  EXPECT_NE(zsh.find(R"('--beta:don'\''t: $HOME `x`')"), std::string::npos) << zsh;
  EXPECT_NE(fish.find("from dpo' -l bf16 -x -a 'true false' -d 'a switch'"), std::string::npos) << fish;
  EXPECT_NE(fish.find("from score' -l data -r -d 'rows'"), std::string::npos) << fish;
}

TEST(Completion, AnUnknownShellIsNamed) {
  EXPECT_THROW(completion_script("tcsh", two_commands()), InputError);
}

TEST(Completion, TheManualPageEscapesWhatRoffReads) {
  const HelpPage page{"usage: una dpo\n.dots 'and' back\\slashes",
                      {{"loss", {{.name = "una_beta", .fallback = "0.1", .help = "a-b"}}}, {"empty", {}}}};
  const std::string text = man_page("dpo", "pairs", page);
  EXPECT_NE(text.find("\n\\&.dots 'and' back\\eslashes\n"), std::string::npos) << text;
  EXPECT_NE(text.find(".TP\n.B \\-\\-una_beta\na\\-b [0.1]\n"), std::string::npos) << text;
  EXPECT_EQ(text.find(".SS empty"), std::string::npos);
}

}  // namespace
}  // namespace una::recipe
