#include "una/views/scores/score_fit_file.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/rows/rows_testing.h"
#include "una/views/read_examples.h"

namespace una::views {
namespace {

std::string rows_of(const std::vector<double>& scores, const std::string& more = "") {
  std::string rows;
  for (const double score : scores) {
    rows += Json{{"prompt", "p"}, {"response", cat("answer ", rows.size(), more)}, {"score", score}}.dump() +
            "\n";
  }
  return rows;
}

struct Read {
  std::vector<double> targets;
  rows::ReadReport report;
};

Read read(const rows::DataOptions& options) {
  Read out;
  for (const Example& example : read_examples(options, out.report, "")) {
    out.targets.push_back(example.responses[0].score.value_or(-1));
  }
  return out;
}

rows::DataOptions options_of(const std::string& path, const std::string& mapping,
                             const std::string& score_fit) {
  rows::DataOptions options;
  options.dataset_name = {path};
  options.score_mapping = mapping;
  options.score_fit = score_fit;
  return options;
}

// A run's folder with the mapping of a few scores.
std::string fitted(const std::string& name, const std::string& mapping) {
  const std::string folder = test_folder(name);
  const std::string rows = rows::write_rows(folder, "train.jsonl", rows_of({-3, 0.1, 0.1, 7, 2.5}));
  write_score_fits(read(options_of(rows, mapping, "")).report.score_fits.get(), folder);
  return folder;
}

TEST(ScoreFitFile, OtherRowsAreMappedByTheSameNumbers) {
  for (const std::string mapping : {"min_max", "quantile", "z_score"}) {
    const std::string folder = fitted("score_fit_" + mapping, mapping);
    const std::string other = rows::write_rows(folder, "other.jsonl", rows_of({7, 0.1, 1e6, -2.9}));
    rows::DataOptions by_fits = options_of(other, mapping, "");
    by_fits.score_fits = read(options_of(folder + "/train.jsonl", mapping, "")).report.score_fits;
    const std::vector<double> wanted = read(by_fits).targets;
    const Read found = read(options_of(other, "range", folder));
    EXPECT_EQ(found.targets, wanted) << mapping;  // to the bit
    EXPECT_EQ(read(options_of(other, mapping, folder + "/score_fit.json")).targets, wanted);
    EXPECT_NE(read(options_of(other, mapping, "")).targets, wanted) << "a fit of its own would be another";
    EXPECT_TRUE(rows::contains(found.report.score_mapping,
                               cat(", as stored in ", folder, "/score_fit.json; train: ")));
    ASSERT_NE(found.report.score_fits, nullptr);
    EXPECT_EQ(fits_json(*found.report.score_fits), read_json_file(folder + "/score_fit.json"));
  }
}

TEST(ScoreFitFile, HoldsTheFitOfEverySource) {
  const std::string folder = test_folder("score_fit_sources");
  const std::string a = rows::write_rows(folder, "a.jsonl", rows_of({1, 3}, "a"));
  const std::string b = rows::write_rows(folder, "b.jsonl", rows_of({10, 30, 30}, "b"));
  rows::DataOptions options = options_of(a, "quantile", "");
  options.dataset_name = {a, b};
  write_score_fits(read(options).report.score_fits.get(), folder);
  EXPECT_EQ(read_json_file(folder + "/score_fit.json").dump(),
            R"({"mapping":"quantile","by_source":{"a":{"values":[1.0,3.0],"counts":[1,1]},)"
            R"("b":{"values":[10.0,30.0],"counts":[1,2]}}})");
  const std::string other = rows::write_rows(folder, "c.jsonl", rows_of({2}));
  EXPECT_TRUE(rows::contains(rows::input_error([&] { read(options_of(other, "range", folder)); }),
                             "c.jsonl:1: --score_mapping quantile was not fitted to source \"c\""));
}

TEST(ScoreFitFile, NothingIsWrittenWhereNothingWasFitted) {
  const std::string folder = test_folder("score_fit_none");
  const std::string rows = rows::write_rows(folder, "a.jsonl", rows_of({0, 1}));
  write_score_fits(read(options_of(rows, "range", "")).report.score_fits.get(), folder);
  write_score_fits(nullptr, folder);
  EXPECT_FALSE(is_file(folder + "/score_fit.json"));
  EXPECT_TRUE(
      rows::contains(rows::input_error([&] { read(options_of(rows, "range", folder)); }),
                     cat("--score_fit: there is no ", folder, "/score_fit.json; give the folder of a run")));
}

TEST(ScoreFitFile, AFileOfAnotherKindIsOneSentence) {
  const std::string folder = fitted("score_fit_bad", "min_max");
  const auto error = [&](const std::string& text) {
    rows::write_rows(folder, "score_fit.json", text);
    return rows::input_error([&] { read_score_fits(folder); });
  };
  const auto refused = [&](const std::string& text, const std::string& reason) {
    const std::string found = error(text);
    EXPECT_TRUE(rows::contains(found, cat("/score_fit.json: not the score mapping of a run (", reason)))
        << found;
    EXPECT_TRUE(rows::contains(found, "; give the score_fit.json that una wrote")) << found;
  };
  const auto state = [](const std::string& mapping, const std::string& numbers) {
    return cat(R"({"mapping": ")", mapping, R"(", "by_source": {"a": )", numbers, "}}");
  };
  EXPECT_TRUE(rows::contains(error("{"), "/score_fit.json: not valid JSON"));
  refused("[]", "");
  refused("{}", "key 'mapping' not found");
  refused(R"({"mapping": "range", "by_source": {}})", "\"mapping\" is range");
  refused(R"({"mapping": "median", "by_source": {}})", "--score_mapping: \"median\" is none of");
  refused(R"({"mapping": "min_max", "by_source": {}})", "\"by_source\" is empty");
  refused(state("min_max", "{}"), "key 'lowest' not found");
  refused(state("min_max", R"({"lowest": "1", "highest": 2})"), "type must be number");
  refused(state("min_max", R"({"lowest": 2, "highest": 2})"), "\"lowest\" must be below");
  refused(state("z_score", R"({"mean": 2, "deviation": 0})"), "\"deviation\" must be above 0");
  refused(state("quantile", R"({"values": [], "counts": []})"), "\"values\" and \"counts\"");
  refused(state("quantile", R"({"values": [1, 2], "counts": [1]})"), "\"values\" and \"counts\"");
  refused(state("quantile", R"({"values": [2, 1], "counts": [1, 1]})"), "\"values\" must ascend");
  refused(state("quantile", R"({"values": [1, 2], "counts": [1, 0]})"), "\"counts\" must be");
  refused(state("quantile", R"({"values": [1, 2], "counts": [9e15, 9223372036854775807]})"),
          "\"counts\" must be");
}

TEST(ScoreFitFile, AnotherMappingBesideItIsRefused) {
  const std::string folder = fitted("score_fit_conflict", "min_max");
  EXPECT_TRUE(rows::contains(
      rows::input_error([&] { read(options_of(folder + "/train.jsonl", "quantile", folder)); }),
      cat("--score_mapping quantile: ", folder, "/score_fit.json holds min_max; leave score_mapping or")));
}

}  // namespace
}  // namespace una::views
