#include "una/hub/download.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::hub {
namespace {

TEST(Download, TakesWhatLoadersRead) {
  for (const char* name :
       {"config.json", "model-00001-of-00002.safetensors", "tokenizer.model", "merges.txt",
        "chat_template.jinja", "additional_chat_templates/tool_use.jinja", "adapter_config.json"}) {
    EXPECT_TRUE(is_wanted(name)) << name;
  }
}

TEST(Download, LeavesTheRestAndNamesThatLeadElsewhere) {
  for (const char* name : {"pytorch_model.bin", "README.md", "onnx/config.json", "consolidated.safetensors",
                           "original/params.json", "../config.json", "/etc/x.json", ".hidden.json",
                           "additional_chat_templates/../../x.jinja", "a\\b.json", "x.json?y.json",
                           "additional_chat_templates/", "", ".json"}) {
    EXPECT_FALSE(is_wanted(name)) << name;
  }
}

std::string refusal(const char* name) {
  try {
    fetch(name);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(Download, OfflineIsOffline) {
  setenv("HF_HUB_OFFLINE", "1", 1);
  EXPECT_EQ(refusal("org/tiny"), "org/tiny: --download true, but HF_HUB_OFFLINE is set; keep one of them");
  unsetenv("HF_HUB_OFFLINE");
  EXPECT_EQ(refusal("org/tiny@../x"), "org/tiny@../x: this is not the name of a revision");
}

}  // namespace
}  // namespace una::hub
