#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

TEST(CsvRows, ALongFileIsReadAThousandRowsAtATime) {
  const std::string folder = test_folder("csv_long");
  std::string text = "prompt,completion,score,source\n";
  for (int i = 0; i < 3000; ++i) { text += cat("p", i, ",a,", i == 2000 ? "N/A" : cat(i % 2), ",1\n"); }
  DataOptions options;
  options.dataset_name = {write_rows(folder, "rows.csv", text)};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 3000U);
  EXPECT_EQ(rows[0].example.source, "1");
  EXPECT_EQ(rows[2999].example.where.line, 3001);
  EXPECT_EQ(rows[1].example.responses[0].raw_score, 1);
  EXPECT_FALSE(rows[2000].example.responses[0].raw_score);
  options.max_rows = 1030;
  EXPECT_EQ(read_files(options).size(), 1030U);
  options.dataset_name = {write_rows(folder, "bad.csv", text + "p,a,high,1\n")};
  options.max_rows = 0;
  EXPECT_TRUE(contains(
      input_error([&] { read_files(options); }),
      "bad.csv:3002: field \"score\" must be a number (or null when it is missing), found \"high\""));
}

TEST(CsvRows, MessyThumbsAreReadAndMissingOnesLeftOut) {
  DataOptions options;
  options.label_values = {"good=up|1", "bad=down|0"};
  options.dataset_name = {write_rows(
      test_folder("csv_messy"), "rows.csv",
      "\xEF\xBB\xBFsep=;\nPrompt;Completion;Thumbs Up\na;b;up\nc;;1\n;;\nd;e;\nf;g;N/A\nh;i; Down \n")};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].example.responses[0].label, true);
  EXPECT_EQ(rows[4].example.responses[0].label, false);
  EXPECT_TRUE(is_blank(rows[1].example.responses[0].text));
  for (const std::size_t missing : {2U, 3U}) {
    EXPECT_EQ(rows[missing].example.unit, Unit::kBinary);  // without a label, which leaves it out
    EXPECT_FALSE(rows[missing].example.responses[0].label);
  }
}

TEST(CsvRows, AFileOfPairsIsReadAndItsColumnsRenamed) {
  const std::string folder = test_folder("csv_pairs");
  DataOptions options;
  options.dataset_name = {
      write_rows(folder, "pairs.csv", "q,chosen,rejected,weight\n7,1,2,0.5\n\"a\nb\", y, n,2\n")};
  options.columns = {"prompt=q"};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_STREQ(rows[0].shape, "TRL pair (strings)");
  EXPECT_EQ(prompt_of(rows[0]), "7");
  EXPECT_EQ(answer_of(rows[1], 0), " y");
  EXPECT_EQ(rows[0].example.weight, .5);
  EXPECT_EQ(rows[1].example.where.line, 3);
  options.dataset_name = {write_rows(folder, "latin.csv", "prompt\nok\ncaf\xE9\n")};
  EXPECT_TRUE(
      contains(input_error([&] { read_files(options); }), "latin.csv:3: the text is not valid UTF-8"));
}

// to_csv(na_rep="NaN"), and what str() makes of numpy's missing values.
TEST(CsvRows, MissingValuesOfPandasAreEmptyCellsInColumnsOfTextToo) {
  const std::string folder = test_folder("csv_rows");
  DataOptions options;
  options.dataset_name = {
      write_rows(folder, "union.csv",
                 "prompt,completion,chosen,rejected,label\n"
                 "p,NaN,a,b,NaN\nq,c,nan,<NA>,true\nr,NaN is not a number,NaN,NaN,false\ns,nan,,,\n")};
  const std::vector<ReadRow> rows = read_files(options);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].example.unit, Unit::kPair);
  EXPECT_EQ(rows[1].example.responses[0].label, true);
  EXPECT_EQ(rows[2].example.responses[0].text.plain, "NaN is not a number");
  EXPECT_EQ(rows[3].example.unit, Unit::kPrompt);
}

}  // namespace
}  // namespace una::rows
