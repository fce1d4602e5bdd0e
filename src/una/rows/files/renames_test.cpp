#include "una/rows/files/renames.h"

#include <gtest/gtest.h>

#include "una/rows/files/row_feed.h"
#include "una/rows/rows_testing.h"

namespace una::rows {
namespace {

Json renamed(const std::vector<std::string>& columns, const std::string& row) {
  Json out = parse_json(row, "test");
  Renames(columns).apply(out);
  return out;
}

TEST(Renames, AMemberGetsItsName) {
  EXPECT_EQ(renamed({"prompt=q"}, R"({"q": 1, "b": 2})"), parse_json(R"({"b": 2, "prompt": 1})", ""));
  EXPECT_EQ(renamed({"prompt=q"}, R"({"b": 2})"), parse_json(R"({"b": 2})", ""));
}

TEST(Renames, NamesCanBeExchanged) {
  const Json row = renamed({"chosen=rejected", "rejected=chosen"}, R"({"chosen": "a", "rejected": "b"})");
  EXPECT_EQ(row["chosen"], "b");
  EXPECT_EQ(row["rejected"], "a");
}

TEST(Renames, APathLeadsIntoObjectsAndLists) {
  const char* row = R"({"data": {"rating": -1, "by": "u"}, "turns": [{"text": "q"}, {"text": "a"}]})";
  const Json out = renamed({"label=data.rating", "prompt=turns.0.text", "completion=turns.-1.text"}, row);
  EXPECT_EQ(out["label"], -1);
  EXPECT_EQ(out["prompt"], "q");
  EXPECT_EQ(out["completion"], "a");
  EXPECT_EQ(out["data"], parse_json(R"({"by": "u"})", "")) << "it is moved";
  EXPECT_FALSE(renamed({"label=data.rating"}, R"({"data": {"rating": 1}})").contains("data"))
      << "all of it was read";
  EXPECT_FALSE(renamed({"label=turns.2.text"}, row).contains("label"));
  EXPECT_EQ(renamed({"label=data.rating"}, R"({"data.rating": 1})")["label"], 1) << "a name with a dot";
  EXPECT_EQ(renamed({"label=data.rating"}, R"({"data": "{\"rating\": 1}"})")["label"], 1)
      << "JSON text of a table";
  EXPECT_EQ(renamed({"data.prompt=data.by"}, row)["data"]["prompt"], "u");
}

TEST(Renames, ANameThatMeansBadIsNoLabelWithoutItsValues) {
  DataOptions options;
  options.dataset_name = {
      write_rows(test_folder("renames_bad"), "rows.jsonl",
                 R"({"prompt": "p", "completion": "a", "thumbs_down": true, "up": true})")};
  for (const char* columns : {"label=thumbs_down", "kto_tag=thumbs_down"}) {
    options.columns = {columns};
    options.label_values = {};
    EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "names a column by which true is bad"))
        << columns;
    options.label_values = {"good=false|0", "bad=true|1"};
    EXPECT_EQ(read_files(options).at(0).example.responses.at(0).label, false);
  }
  options.columns = {"label=up", "ignored=thumbs_down"};
  options.label_values = {};
  EXPECT_EQ(read_files(options).at(0).example.responses.at(0).label, true);
  options.max_rows = -1;
  EXPECT_TRUE(contains(input_error([&] { read_files(options); }), "max_rows must be 0"));
}

TEST(Renames, WhatNoRowHasAUseForStopsTheRun) {
  DataOptions options;
  options.dataset_name = {
      write_rows(test_folder("renames"), "rows.jsonl",
                 "{\"prompt\": \"p\", \"completion\": \"a\"}\n{\"q\": \"p\", \"completion\": \"b\"}\n")};
  options.columns = {"prompt=q"};
  EXPECT_EQ(read_files(options).size(), 2U);
  options.columns = {"prompt=q", "label=thumb"};
  EXPECT_TRUE(
      contains(input_error([&] { read_files(options); }),
               "--columns: \"label=thumb\" fits no row: none has \"thumb\"; the fields of the first row are "
               "prompt, completion"));
  EXPECT_TRUE(contains(input_error([] { Renames({"prompt"}); }), "\"prompt\" is not ours=theirs"));
}

}  // namespace
}  // namespace una::rows
