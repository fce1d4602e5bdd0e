#include "una/data/dataset.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/rows_testing.h"
#include "una/views/read_examples.h"

namespace una::data {
namespace {

using rows::contains;
using rows::input_error;
using rows::make_encoder;
using rows::write_rows;

struct World {
  std::string folder;
  text::Encoder encoder = make_encoder();
  rows::DataOptions options;

  World(const std::string& name, const std::string& rows) : folder(test_folder(name)) {
    options.dataset_name = {write_rows(folder, "rows.jsonl", rows)};
  }
  std::unique_ptr<Dataset> load(const std::vector<Unit>& accepted) {
    return load_dataset(options, encoder, accepted, folder + "/dropped.jsonl");
  }
};

std::string sft_rows(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += R"({"prompt": "the cat )" + std::to_string(i) + R"(", "completion": " sat"})" + "\n";
  }
  return text;
}

TEST(Dataset, MixedKindsInOneFileAreReadAndCounted) {
  World world("dataset_mixed", R"({"prompt": "the", "chosen": " cat", "rejected": " dog"}
{"prompt": "the", "completion": " mat", "label": true}
{"prompt": "the", "response": " cat", "score": 0.5}
{"prompt": "the", "completion": " end"}
)");
  const auto dataset = world.load({});
  const rows::ReadReport& report = dataset->report();
  EXPECT_EQ(report.rows_read, 4);
  EXPECT_EQ(report.rows_kept, 4);
  EXPECT_EQ(report.by_shape.at("TRL pair (strings)"), 1);
  EXPECT_EQ(report.by_shape.at("binary"), 1);
  EXPECT_EQ(report.by_unit.at("score"), 1);
  EXPECT_EQ(report.by_unit.at("sft"), 1);
  EXPECT_EQ(report.groups, 1);  // three single answers to "the"
  EXPECT_EQ(report.largest_group, 3);
  std::int64_t sequences = 0;
  for (const auto& [length, count] : report.lengths) { sequences += count; }
  EXPECT_EQ(sequences, 5);
  EXPECT_EQ(dataset->row(1).where.line, 2);
}

TEST(Dataset, AnswersToLabelAreReadWhateverStandsBesideThem) {
  World world("dataset_bare",
              R"({"prompt": "p", "responses": ["a", {"content": "b"}, " "], "ground_truth": "b"}
{"prompt": "p", "response": "c", "score": 77}
{"prompt": "p", "responses": [{"content": "d", "score": null}, {"content": "e", "score": 900}]}
{"prompt": "p", "completion": "  "}
{"prompt": "p"}
)");
  rows::ReadReport report;
  const std::vector<Example> examples = views::read_answers(world.options, report);
  ASSERT_EQ(examples.size(), 4U);
  EXPECT_EQ(examples[0].responses.size(), 2U);
  EXPECT_EQ(examples[0].responses[1].text.plain, "b");
  EXPECT_EQ(examples[0].ground_truth, "b");
  EXPECT_EQ(examples[1].responses.size(), 1U);
  EXPECT_EQ(examples[2].responses.size(), 2U);
  EXPECT_TRUE(examples[3].responses.empty());
  EXPECT_EQ(report.dropped.at("empty answer"), 2);
  const std::string error = input_error([&] { world.load({}); });
  EXPECT_TRUE(contains(error, "rows.jsonl:1: field \"responses[0]\" must have exactly one of score"))
      << error;
}

TEST(Dataset, TheReportBinsTheLengthsInRoundSteps) {
  rows::ReadReport report;
  report.lengths = {{1, 1}, {19, 1}, {20, 1}, {399, 1}};
  const Json bins = report.json()["length_histogram"];
  EXPECT_EQ(bins["edges"][1], 10);
  EXPECT_EQ(bins["edges"].back(), 400);
  ASSERT_EQ(bins["counts"].size(), 40U);
  EXPECT_EQ(bins["counts"][0], 1);
  EXPECT_EQ(bins["counts"][1], 1);
  EXPECT_EQ(bins["counts"][2], 1);
  EXPECT_EQ(bins["counts"][39], 1);
}

TEST(Dataset, ARowOfAnotherUnitIsRefusedByNameWithAdvice) {
  World world("dataset_units", R"({"prompt": "the", "response": " cat", "score": 0.5}
)");
  const std::string error = input_error([&] { world.load({Unit::kPair}); });
  EXPECT_TRUE(contains(error, "rows.jsonl:1: the row is of kind score, but the method takes pairwise"))
      << error;
  EXPECT_TRUE(contains(error, "--feedback pairwise")) << error;
}

TEST(Dataset, PairsGivenToAMethodOfAnswersComeWithTheWayToTheChosenOnes) {
  World world("dataset_chosen", R"({"prompt": "the", "chosen": " cat", "rejected": " dog"}
)");
  const std::string error = input_error([&] { world.load({Unit::kSft}); });
  EXPECT_TRUE(contains(error, "--columns completion=chosen")) << error;
  world.options.columns = {"completion=chosen"};
  EXPECT_EQ(world.load({Unit::kSft})->size(), 1);
}

TEST(Dataset, TooManyDroppedRowsAreRefusedWithTheTableAndNamedInAFile) {
  World world("dataset_dropped",
              sft_rows(8) + "{\"prompt\": \"the\", \"completion\": \" \"}\n" + sft_rows(1));
  const std::string error = input_error([&] { world.load({}); });
  EXPECT_TRUE(contains(error, "20.0 % of the rows would be left out, more than allow_dropped = 0.05"))
      << error;
  EXPECT_TRUE(contains(error, "1  empty answer, the first in ")) << error;
  EXPECT_TRUE(contains(error, "1  exact duplicate")) << error;
  EXPECT_TRUE(contains(error, "--allow_dropped 0.2")) << error;
  const std::vector<std::string> lines = split(read_file(world.folder + "/dropped.jsonl"), '\n');
  const Json first = parse_json(lines[0], "dropped");
  EXPECT_EQ(first["line"], 9);
  EXPECT_EQ(first["reason"], "empty answer");
  EXPECT_TRUE(contains(first["file"].get<std::string>(), "rows.jsonl"));
  EXPECT_EQ(parse_json(lines[1], "dropped")["line"], 10);
  world.options.allow_dropped = 0.2;
  const auto dataset = world.load({});
  EXPECT_EQ(dataset->size(), 8);
  EXPECT_EQ(dataset->report().dropped.at("exact duplicate"), 1);
}

TEST(Dataset, NothingLeftIsAnErrorEvenWhenAllDropsAreAllowed) {
  World world("dataset_nothing", "{\"prompt\": \"the\", \"completion\": \"\"}\n");
  world.options.allow_dropped = 1;
  EXPECT_TRUE(contains(input_error([&] { world.load({}); }), "no row is left to use"));
}

TEST(Dataset, TheReportIsATableForPeople) {
  World world("dataset_report",
              sft_rows(30) + R"({"prompt": "the", "response": " cat", "score": -1, "score_range": [1, 10]}
{"prompt": "the", "response": " dog", "score": 10, "score_range": [1, 10]}
)");
  const std::string text = world.load({})->report().text(64);
  EXPECT_TRUE(contains(text, "        32  rows read\n")) << text;
  EXPECT_TRUE(contains(text, "        30    as prompt and completion\n")) << text;
  EXPECT_TRUE(contains(text, "        31  rows kept\n")) << text;
  EXPECT_TRUE(contains(text, "         1    score missing\n")) << text;
  EXPECT_TRUE(contains(text, "scores: 1..10 -> 0..1\n")) << text;
  EXPECT_TRUE(contains(text, "; max_length 64\n")) << text;
  EXPECT_EQ(world.load({})->report().json()["by_unit"]["sft"], 30);
}

TEST(Dataset, TheContentHashFollowsIdsMasksTargetsAndWeights) {
  World world("dataset_hash", sft_rows(3));
  const auto dataset = world.load({});
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < dataset->size(); ++i) { rows.push_back(dataset->row(i)); }
  const std::string hash = dataset->content_hash();
  const auto hash_of = [](std::vector<Row> changed) {
    return make_dataset(std::move(changed), {"rows"})->content_hash();
  };
  EXPECT_EQ(hash_of(rows), hash);
  for (const auto& change : std::vector<void (*)(Row&)>{[](Row& row) { row.sequences[0].ids.back() = 7; },
                                                        [](Row& row) { row.sequences[0].loss_mask[1] ^= 1; },
                                                        [](Row& row) { row.sequences[0].target = 0.5; },
                                                        [](Row& row) { row.weight = 2; }}) {
    std::vector<Row> changed = rows;
    change(changed[1]);
    EXPECT_NE(hash_of(changed), hash);
  }
}

TEST(Dataset, ExamplesInMemoryAndReadExamplesGiveTheSameRows) {
  World world("dataset_memory", sft_rows(5));
  rows::ReadReport report;
  const std::vector<Example> examples = views::read_examples(world.options, report, "");
  EXPECT_EQ(examples.size(), 5U);
  EXPECT_EQ(report.by_unit.at("sft"), 5);
  const auto dataset = make_dataset(examples, world.options, world.encoder);
  EXPECT_EQ(dataset->content_hash(), world.load({})->content_hash());
}

TEST(Dataset, WrongOptionsAreRefused) {
  World world("dataset_options", sft_rows(2));
  world.options.boundary = "maybe";
  EXPECT_TRUE(contains(input_error([&] { world.load({}); }), "--boundary"));
  world.options.boundary = "repair";
  world.options.overlong = "cut";
  EXPECT_TRUE(contains(input_error([&] { world.load({}); }), "--overlong"));
  world.options.overlong = "drop";
  world.options.max_length = 0;
  EXPECT_TRUE(contains(input_error([&] { world.load({}); }), "--max_length"));
}

}  // namespace
}  // namespace una::data
