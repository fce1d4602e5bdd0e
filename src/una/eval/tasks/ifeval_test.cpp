#include "una/eval/tasks/ifeval.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

std::vector<Subtask> load(const std::string& name, const Json& ids, const Json& kwargs) {
  const std::string folder = test_folder("ifeval_" + name);
  write_file(folder + "/ifeval.jsonl",
             json_line({{"prompt", "Write."}, {"instruction_id_list", ids}, {"kwargs", kwargs}}));
  return load_ifeval(TaskFiles(folder, 0));
}

std::string refusal(const Json& ids, const Json& kwargs) {
  try {
    load("bad", ids, kwargs);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

const Json kTwo = {"punctuation:no_comma", "startend:quotation"};

TEST(Ifeval, APromptIsFollowedWhenAllItsInstructionsAre) {
  const std::vector<Subtask> subtasks = load("score", kTwo, {Json::object(), Json::object()});
  const auto scorer = make_ifeval_scorer(subtasks, {});
  const auto score = [&](const std::string& answer) {
    std::vector<std::string> out;
    for (const MetricPart& part : scorer->score(subtasks[0].items[0], answer)) {
      out.push_back(part.metric + " " + std::to_string(static_cast<int>(part.sum)) + "/" +
                    std::to_string(static_cast<int>(part.count)));
    }
    return out;
  };
  EXPECT_EQ(score("\"a b\""),
            (std::vector<std::string>{"prompt_level_strict_acc 1/1", "inst_level_strict_acc 2/2",
                                      "prompt_level_loose_acc 1/1", "inst_level_loose_acc 2/2"}));
  EXPECT_EQ(score("Sure, here:\n\"a b\"")[0], "prompt_level_strict_acc 0/1");
  EXPECT_EQ(score("Sure, here:\n\"a b\"")[1], "inst_level_strict_acc 0/2");
  EXPECT_EQ(score("Sure, here:\n\"a b\"")[2], "prompt_level_loose_acc 1/1") << "without its first line";
  EXPECT_EQ(score("\"a, b\"")[1], "inst_level_strict_acc 1/2");
}

TEST(Ifeval, ListsMayBeJsonText) {
  const Item item = load("text", kTwo.dump(), "[{}, {}]")[0].items.at(0);
  EXPECT_EQ(item.context, "Write.");
  EXPECT_EQ(item.row["instruction_id_list"], kTwo);
}

TEST(Ifeval, RowsThatDoNotFitTogetherAreNamed) {
  EXPECT_NE(refusal(kTwo, Json::array({Json::object()}))
                .find("ifeval.jsonl:1: there are 2 instructions but 1 kwargs"),
            std::string::npos);
  EXPECT_NE(refusal(Json::array({1}), Json::array({Json::object()})).find("is not a list of strings"),
            std::string::npos);
  EXPECT_NE(refusal("[punctuation", Json::array({Json::object()})).find("is not a list"), std::string::npos);
  EXPECT_NE(refusal(Json::array(), Json::array()).find("is not a list"), std::string::npos);
}

TEST(Ifeval, AnUnknownInstructionIsFoundBeforeTheModelAnswers) {
  const std::vector<Subtask> subtasks =
      load("unknown", Json::array({"punctuation:no_coma"}), Json::array({Json::object()}));
  EXPECT_THROW(make_ifeval_scorer(subtasks, {}), InputError);
}

}  // namespace
}  // namespace una::eval
