#include "una/setup/text_setup.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::setup {
namespace {

TEST(TextSetup, TheFilesThatOtherProgramsReadAreCopiedToo) {
  const std::string from = test_folder("text_setup_from"), to = test_folder("text_setup_to");
  make_folder(from + "/additional_chat_templates");
  for (const char* name : {"tokenizer.json", "merges.txt", "additional_chat_templates/tool_use.jinja"}) {
    write_file(from + "/" + name, name);
  }
  write_file(from + "/model.safetensors", "weights");
  write_text_files(read_text_files({.tokenizer = from, .chat_template = from}, ""), to);
  EXPECT_EQ(read_file(to + "/merges.txt"), "merges.txt");
  EXPECT_TRUE(is_file(to + "/additional_chat_templates/tool_use.jinja"));
  EXPECT_FALSE(is_file(to + "/chat_template.jinja"));
  EXPECT_FALSE(is_file(to + "/model.safetensors"));
}

TEST(TextSetup, FilesAreWrittenAsTheyWereReadWhateverBecameOfThemSince) {
  const std::string from = test_folder("text_setup_gone"), to = test_folder("text_setup_kept");
  const std::string given = from + "/given.jinja";
  write_file(from + "/tokenizer.json", "old");
  write_file(given, "given");
  const TextFiles files = read_text_files({.tokenizer = from, .chat_template = from}, given);
  write_file(from + "/tokenizer.json", "new");
  std::filesystem::remove(given);
  write_text_files(files, to);
  EXPECT_EQ(read_file(to + "/tokenizer.json"), "old");
  EXPECT_EQ(read_file(to + "/chat_template.jinja"), "given");
}

}  // namespace
}  // namespace una::setup
