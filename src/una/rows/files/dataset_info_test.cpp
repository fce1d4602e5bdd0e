#include "una/rows/files/dataset_info.h"

#include <gtest/gtest.h>

#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

struct World {
  std::string folder;
  DataOptions options;
  ReadReport report;

  World(const std::string& name, const std::string& info) : folder(test_folder(name)) {
    write_rows(folder, "dataset_info.json", info);
    options.dataset_dir = folder;
  }
  std::vector<Example> read(std::vector<std::string> names) {
    options.dataset_name = std::move(names);
    report = {};
    std::vector<Example> examples;
    for (ReadRow& row : read_counted(options, report)) { examples.push_back(std::move(row.example)); }
    return examples;
  }
  std::string error(const std::string& name) {
    return input_error([&] { read({name}); });
  }
};

std::string answers(const Example& example) {
  std::string out = std::string(unit_name(example.unit)) + " " + shown(example.prompt) + " =>";
  for (const Response& response : example.responses) {
    out += " [" + shown(response.text) + "]";
    if (response.label) { out += *response.label ? "+" : "-"; }
  }
  return out;
}

TEST(DatasetInfo, AlpacaRowsAreReadUnderTheNamesOfTheirColumns) {
  World world("dataset_info_alpaca", R"({
    "plain": {"file_name": "plain.json"},
    "named": {"file_name": "named.jsonl", "columns": {"prompt": "ask", "response": "say", "system": "sys", "history": "before"}},
    "pairs": {"file_name": "pairs.jsonl", "ranking": true, "columns": {"prompt": "ask", "query": "more", "chosen": "good", "rejected": "bad"}},
    "thumbs": {"file_name": "thumbs.jsonl", "columns": {"prompt": "ask", "response": "say", "kto_tag": "ok"}},
    "ranked": {"file_name": "ranked.jsonl", "ranking": true},
    "text": {"file_name": "text.jsonl", "columns": {"prompt": "text"}}})");
  write_rows(world.folder, "plain.json", R"([{"instruction": "i", "input": "n", "output": "o"}])");
  write_rows(
      world.folder, "named.jsonl",
      R"({"ask": "q", "input": "not asked", "say": "a", "sys": "s", "before": [["x", "y"]], "weight": 2})");
  write_rows(world.folder, "pairs.jsonl", R"({"ask": "q", "more": "m", "good": "g", "bad": "b"})");
  write_rows(world.folder, "thumbs.jsonl", R"({"ask": "q", "say": "a", "ok": false, "label": "other"})");
  write_rows(world.folder, "ranked.jsonl", R"({"instruction": "q", "output": ["best", "worst"]})");
  write_rows(world.folder, "text.jsonl", R"({"text": "t"})");
  EXPECT_EQ(answers(world.read({"plain"})[0]), "sft i\nn => [o]");
  const Example named = world.read({"named"})[0];
  EXPECT_EQ(answers(named), "sft system:s|user:x|assistant:y|user:q => [assistant:a]");
  EXPECT_EQ(named.weight, 2);
  EXPECT_EQ(named.source, "named");
  EXPECT_EQ(named.where.text(), world.folder + "/named.jsonl:1");
  EXPECT_EQ(answers(world.read({"pairs"})[0]), "pairwise q\nm => [g] [b]");
  EXPECT_EQ(answers(world.read({"thumbs"})[0]), "binary q => [a]-");
  EXPECT_EQ(answers(world.read({"ranked"})[0]), "group q => [best] [worst]");
  EXPECT_EQ(answers(world.read({"text"})[0]), "prompt t =>");
}

TEST(DatasetInfo, ShareGptSpeakersBecomeRoles) {
  World world("dataset_info_sharegpt", R"({
    "usual": {"file_name": "usual.jsonl", "formatting": "sharegpt"},
    "tagged": {"file_name": "tagged.jsonl", "formatting": "sharegpt", "columns": {"messages": "talk", "tools": "t"},
               "tags": {"role_tag": "who", "content_tag": "what", "user_tag": "me", "assistant_tag": "bot", "system_tag": "boss"}},
    "pairs": {"file_name": "pairs.jsonl", "formatting": "sharegpt", "ranking": true,
              "columns": {"messages": "conversations", "chosen": "good", "rejected": "bad", "system": "sys"}},
    "openai": {"file_name": "openai.jsonl", "formatting": "openai", "columns": {"messages": "messages", "kto_tag": "label"}}})");
  write_rows(
      world.folder, "usual.jsonl",
      R"({"conversations": [{"from": "human", "value": "h"}, {"from": "function_call", "value": "f[]"}, {"from": "observation", "value": "3"}, {"from": "gpt", "value": "g"}]})");
  write_rows(
      world.folder, "tagged.jsonl",
      R"({"talk": [{"who": "boss", "what": "s"}, {"who": "me", "what": "q"}, {"who": "bot", "what": "a"}], "t": "[{\"name\": \"f\"}]"})");
  write_rows(
      world.folder, "pairs.jsonl",
      R"({"conversations": [{"from": "human", "value": "h"}], "good": {"from": "gpt", "value": "x"}, "bad": {"from": "gpt", "value": "y"}, "sys": "s"})");
  write_rows(
      world.folder, "openai.jsonl",
      R"({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}], "label": true})");
  EXPECT_EQ(answers(world.read({"usual"})[0]), "sft user:h|assistant:f[]|tool:3 => [assistant:g]");
  const Example tagged = world.read({"tagged"})[0];
  EXPECT_EQ(answers(tagged), "sft system:s|user:q => [assistant:a]");
  EXPECT_EQ(tagged.tools, R"([{"name": "f"}])");
  EXPECT_EQ(answers(world.read({"pairs"})[0]), "pairwise system:s|user:h => [assistant:x] [assistant:y]");
  EXPECT_EQ(answers(world.read({"openai"})[0]), "binary user:u => [assistant:a]+");
}

TEST(DatasetInfo, EntriesCanBeMixedAndMayBeFolders) {
  World world("dataset_info_mixed", R"({"a": {"file_name": "folder"}, "b:1": {"file_name": "b.jsonl"}})");
  make_folder(world.folder + "/folder");
  write_rows(world.folder + "/folder", "1.jsonl", R"({"instruction": "a1", "output": "o"})");
  write_rows(world.folder + "/folder", "2.jsonl", R"({"instruction": "a2", "output": "o"})");
  write_rows(world.folder, "b.jsonl", R"({"instruction": "b", "output": "o"})");
  EXPECT_EQ(world.read({"a", "b:1"}).size(), 3U) << "an entry's own name may hold a colon";
  EXPECT_EQ(world.read({"a:2", "b:1:1"}).size(), 3U);
  EXPECT_EQ(world.report.mixture.size(), 2U);
}

TEST(DatasetInfo, AFileMayLieElsewhere) {
  World world("dataset_info_far", "{}");
  const std::string file =
      write_rows(test_folder("dataset_info_other"), "rows.json", R"([{"instruction": "i", "output": "o"}])");
  write_rows(world.folder, "dataset_info.json", R"({"far": {"file_name": ")" + file + R"("}})");
  EXPECT_EQ(answers(world.read({"far"})[0]), "sft i => [o]");
}

TEST(DatasetInfo, WhatCannotBeReadIsOneSentence) {
  World world("dataset_info_errors", R"({
    "hub": {"hf_hub_url": "x/y"}, "script": {"script_url": "s", "file_name": "f"}, "nofile": {"formatting": "alpaca"},
    "some": {"file_name": "f", "num_samples": 5}, "seen": {"file_name": "f", "columns": {"prompt": "p", "images": "i"}},
    "style": {"file_name": "f", "formatting": "chatml"}, "half": {"file_name": "f", "formatting": "sharegpt", "ranking": true},
    "gone": {"file_name": "gone.jsonl"}, "type": {"file_name": "f", "columns": {"prompt": 3}},
    "tags": {"file_name": "tags.jsonl", "formatting": "sharegpt"},
    "missing": {"file_name": "missing.jsonl", "columns": {"prompt": "ask", "response": "say"}}})");
  write_rows(world.folder, "tags.jsonl", R"({"conversations": [{"from": "narrator", "value": "h"}]})");
  write_rows(world.folder, "missing.jsonl", R"({"ask": "q"})");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"hub", "has hf_hub_url, but una reads files of this machine only"},
      {"script", "has script_url"},
      {"nofile", "has no file_name"},
      {"some", "num_samples is not known here"},
      {"seen", "has images, but una reads text only"},
      {"style", "the formatting \"chatml\" is none of alpaca, sharegpt, openai"},
      {"half", "its columns must name chosen and rejected"},
      {"gone", "there is no file"},
      {"type", "\"columns.prompt\" must be a string"},
      {"tags", "tags.jsonl:1: field \"conversations[0].from\" is \"narrator\""},
      {"missing", "missing.jsonl:1: field \"say\" is missing"},
      {"hubb", "has no entry \"hubb\"; did you mean \"hub\"?"},
      {"elsewhere", "has no entry \"elsewhere\", but "},
  };
  for (const auto& [name, sentence] : cases) {
    EXPECT_TRUE(contains(world.error(name), sentence)) << name << ": " << world.error(name);
  }
  world.options.dataset_dir = world.folder + "/none";
  EXPECT_TRUE(contains(world.error("hub"), "--dataset_dir: there is no"));
}

}  // namespace
}  // namespace una::rows
