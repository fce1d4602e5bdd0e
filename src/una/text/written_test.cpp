#include "una/text/written.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace una::text {
namespace {

Written written(const std::string& source, const std::string& for_tools = "") {
  TextModel model;
  model.chat_template = std::make_shared<ChatTemplate>(source, "{}", "test");
  if (!for_tools.empty()) { model.tool_template = std::make_shared<ChatTemplate>(for_tools, "{}", "test"); }
  return what_is_written(model);
}

std::pair<bool, bool> pair_of(Written found) { return {found.tools, found.system}; }

TEST(Written, ATemplateMayPassOverToolsAndSystemTurns) {
  const std::string turns = "{% for m in messages %}{{ m.content }}{% endfor %}";
  const std::string tools = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}";
  EXPECT_EQ(pair_of(written(turns + tools)), std::pair(true, true));
  EXPECT_EQ(pair_of(written(turns)), std::pair(false, true));
  EXPECT_EQ(pair_of(written("{{ messages[-1].content }}" + tools)), std::pair(true, false));
  EXPECT_EQ(pair_of(written(turns, turns + tools)), std::pair(true, true));
}

TEST(Written, OneThatRefusesCountsAsOneThatWrites) {
  EXPECT_EQ(pair_of(written("{{ raise_exception('no') }}")), std::pair(true, true));
  EXPECT_EQ(pair_of(what_is_written({})), std::pair(true, true));
}

}  // namespace
}  // namespace una::text
