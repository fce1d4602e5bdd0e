#include "una/setup/text_setup.h"

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
  copy_text_files(from, to);
  EXPECT_EQ(read_file(to + "/merges.txt"), "merges.txt");
  EXPECT_TRUE(is_file(to + "/additional_chat_templates/tool_use.jinja"));
  EXPECT_FALSE(is_file(to + "/chat_template.jinja"));
  EXPECT_FALSE(is_file(to + "/model.safetensors"));
}

}  // namespace
}  // namespace una::setup
