#include "una/rows/files/row_files.h"
#include "una/rows/files/row_feed.h"

#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

DataOptions files(std::vector<std::string> names) {
  DataOptions options;
  options.dataset_name = std::move(names);
  return options;
}

TEST(RowFiles, JsonlIsSplitOnNewlinesOnly) {
  const std::string folder = test_folder("row_files_split");
  // U+2028, U+0085 and a carriage return at the line's end.
  const std::string path = write_rows(folder, "a.jsonl",
                                      "{\"prompt\": \"a\xE2\x80\xA8"
                                      "b\xC2\x85"
                                      "c\"}\r\n\n  \n{\"prompt\": \"d\"}");
  const std::vector<ReadRow> rows = read_files(files({path}));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].example.prompt.plain,
            "a\xE2\x80\xA8"
            "b\xC2\x85"
            "c");
  EXPECT_EQ(rows[1].example.where.line, 4);
  EXPECT_EQ(rows[1].example.source, "a");
}

TEST(RowFiles, AJsonArrayNumbersItsElements) {
  const std::string folder = test_folder("row_files_array");
  const std::string path =
      write_rows(folder, "b.json", "\xEF\xBB\xBF [\n{\"prompt\": \"a\"},\n{\"prompt\": \"b\"}]");
  const std::vector<ReadRow> rows = read_files(files({path}));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].example.where.line, 2);
  EXPECT_EQ(rows[1].example.prompt.plain, "b");
}

TEST(RowFiles, TheGroundTruthIsTheFieldThatWasNamed) {
  const std::string folder = test_folder("row_files_truth");
  const std::string path = write_rows(folder, "a.jsonl",
                                      "{\"prompt\": \"a\", \"ground_truth\": 42, \"answer\": null}\n"
                                      "{\"prompt\": \"a\", \"ground_truth\": null}\n"
                                      "{\"prompt\": \"b\", \"answer\": \"yes\"}\n"
                                      "{\"question\": \"q\", \"answer\": \"s #### 3\"}\n");
  DataOptions options = files({path});
  options.max_rows = 2;
  EXPECT_EQ(read_files(options)[0].example.ground_truth, "42");
  EXPECT_FALSE(read_files(options)[1].example.ground_truth.has_value());
  options.max_rows = 0;
  options.ground_truth_column = "answer";
  const std::vector<ReadRow> rows = read_files(options);
  EXPECT_EQ(rows[2].example.unit, Unit::kPrompt);  // a prompt alone, once its answer is the ground truth
  EXPECT_EQ(rows[2].example.ground_truth, "yes");
  EXPECT_EQ(rows[3].example.unit, Unit::kSft);
  EXPECT_EQ(rows[3].example.ground_truth, "s #### 3");
  write_rows(folder, "a.jsonl", "{\"prompt\": \"a\", \"ground_truth\": [1]}\n");
  options.ground_truth_column = "ground_truth";
  const std::string error = input_error([&] { read_files(options); });
  EXPECT_TRUE(contains(error, "a.jsonl:1: field \"ground_truth\" must be a string or a number")) << error;
}

TEST(RowFiles, AFolderStandsForItsFilesByNameAndMaxRowsCountsOverAll) {
  const std::string folder = test_folder("row_files_folder");
  write_rows(folder, "2.jsonl", "{\"prompt\": \"c\"}\n");
  write_rows(folder, "1.json", "[{\"prompt\": \"a\"}, {\"prompt\": \"b\"}]");
  write_rows(folder, "notes.txt", "not rows");
  DataOptions options = files({folder});
  EXPECT_EQ(read_files(options).size(), 3U);
  options.max_rows = 2;
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].example.prompt.plain, "a");
}

TEST(RowFiles, BrokenJsonNamesFileLineAndColumn) {
  const std::string folder = test_folder("row_files_broken");
  const std::string lines = write_rows(folder, "a.jsonl", "{\"prompt\": \"a\"}\n{\"prompt\": }\n");
  std::string error = input_error([&] { read_files(files({lines})); });
  EXPECT_TRUE(contains(error, "a.jsonl:2: not valid JSON at column 12")) << error;
  const std::string array = write_rows(folder, "b.json", "[{\"prompt\": \"a\"},\n {\"prompt\" 1}]");
  error = input_error([&] { read_files(files({array})); });
  EXPECT_TRUE(contains(error, "b.json:2: not valid JSON at column 12")) << error;
}

TEST(RowFiles, OfManyBadRowsTheFirstIsNamed) {
  const std::string folder = test_folder("row_files_first");
  std::string text;
  for (int i = 1; i <= 2000; ++i) { text += i >= 700 ? "{\"nothing\": 1}\n" : "{\"prompt\": \"a\"}\n"; }
  const std::string path = write_rows(folder, "a.jsonl", text);
  const std::string error = input_error([&] { read_files(files({path})); });
  EXPECT_TRUE(contains(error, "a.jsonl:700: no known row shape")) << error;
}

TEST(RowFiles, PythonNanBecomesNullOutsideStringsOnly) {
  const Json row = parse_line(R"({"a": NaN, "b": [-Infinity], "c": "say \"NaN\""})", {"f", 1});
  EXPECT_TRUE(row["a"].is_null());
  EXPECT_TRUE(row["b"][0].is_null());
  EXPECT_EQ(row["c"], "say \"NaN\"");
  EXPECT_TRUE(contains(input_error([] { parse_line("{\"a\": NaN", {"f", 3}); }), "f:3: not valid JSON"));
  EXPECT_TRUE(contains(input_error([] { parse_line("{\"a\": 1e999}", {"f", 3}); }), "f:3: not valid JSON"));
}

TEST(RowFiles, ColumnsAreRenamedBeforeTheShapeIsSought) {
  const std::string folder = test_folder("row_files_columns");
  const std::string path = write_rows(folder, "a.jsonl", "{\"q\": \"x\", \"good\": \"y\", \"bad\": \"z\"}\n");
  DataOptions options = files({path});
  options.columns = {"prompt=q", "chosen=good", "rejected=bad"};
  const std::vector<ReadRow> rows = read_files(options);
  EXPECT_STREQ(rows[0].shape, "TRL pair (strings)");
  EXPECT_EQ(prompt_of(rows[0]), "x");
  options.columns = {"prompt"};
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "is not ours=theirs"));
}

// A label that is null while the file has labels is missing; in a file without them its rows are demonstrations.
TEST(RowFiles, ALabelThatIsNullIsMissingWhereTheFileHasLabels) {
  const std::string folder = test_folder("row_files_null_labels");
  const std::string null = "{\"prompt\": \"a\", \"completion\": \"b\", \"label\": null}\n";
  const std::string thumb = "{\"prompt\": \"a\", \"completion\": \"c\", \"label\": false}\n";
  const std::vector<ReadRow> demonstrations =
      read_files(files({write_rows(folder, "none.jsonl", null + null)}));
  EXPECT_EQ(demonstrations[0].example.unit, Unit::kSft);
  const std::vector<ReadRow> thumbs = read_files(files({write_rows(folder, "first.jsonl", thumb + null)}));
  EXPECT_EQ(thumbs[1].example.unit, Unit::kBinary);
  EXPECT_FALSE(thumbs[1].example.responses[0].label);
  const std::string later = write_rows(folder, "later.jsonl", null + thumb);
  EXPECT_TRUE(contains(input_error([&] { read_files(files({later})); }),
                       "later.jsonl:1: field \"label\" is null, but "));
}

TEST(RowFiles, ColumnsThatNothingReadsAreReported) {
  const std::string path =
      write_rows(test_folder("row_files_unread"), "a.jsonl",
                 "{\"prompt\": \"a\", \"completion\": \"b\", \"id\": 1, \"split\": null}\n"
                 "{\"query\": \"a\", \"reply\": \"c\", \"id\": 2, \"topic\": \"x\"}\n");
  ReadReport report;
  read_counted(files({path}), report);
  EXPECT_EQ(report.unread, (std::map<std::string, std::int64_t>{{"id", 2}, {"topic", 1}}));
  EXPECT_TRUE(contains(report.text(0), "columns not read: id, topic (1 row)\n")) << report.text(0);
  EXPECT_TRUE(contains(report.text(0),
                       "columns read under other names: query as prompt (1 row), reply as completion"));
}

TEST(RowFiles, OtherFormatsAreToldApart) {
  const std::string folder = test_folder("row_files_formats");
  const auto error = [&](std::string_view bytes) {
    return input_error([&] { read_files(files({write_rows(folder, "a.csv", bytes)})); });
  };
  EXPECT_TRUE(contains(error("PK\x03\x04workbook"),
                       "a.csv: an Excel workbook or an archive; export the sheet as CSV"));
  EXPECT_TRUE(contains(error(std::string_view("\xFF\xFEp\0", 4)),
                       "a.csv: the text is UTF-16; save the file in UTF-8"));
}

TEST(RowFiles, AMissingOrEmptyFileIsAnInputError) {
  const std::string folder = test_folder("row_files_missing");
  EXPECT_TRUE(contains(input_error([&] { read_files(files({folder + "/no.jsonl"})); }), "there is no file"));
  EXPECT_TRUE(contains(input_error([&] { read_files(files({folder})); }), "has no .jsonl, .json"));
  const std::string path = write_rows(folder, "e.jsonl", "\n\n");
  EXPECT_TRUE(contains(input_error([&] { read_files(files({path})); }), "no rows in it"));
  EXPECT_TRUE(contains(input_error([] { read_files(files({})); }), "--data"));
}

}  // namespace
}  // namespace una::rows
