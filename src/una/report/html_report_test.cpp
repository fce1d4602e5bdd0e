#include "una/report/html_report.h"

#include <filesystem>

#include <algorithm>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/report/rows.h"

namespace una::report {
namespace {

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
    ++found;
  }
  return found;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void write_metrics(const std::string& folder, const std::vector<std::string>& names, int rows = 3) {
  make_folder(folder);
  std::string text;
  for (int step = 1; step <= rows; ++step) {
    StoredRow row{.row = {.step = step, .epoch = 0.5, .values = {}}, .total_steps = 10, .elapsed = 65};
    for (const std::string& name : names) { row.row.values[name] = 0.5 / step; }
    text += print_row(row) + "\n";
  }
  write_file(folder + "/metrics.jsonl", text);
}

Json embedded_charts(const std::string& html) {
  const std::string begin = "id=\"una-data\">";
  const std::size_t from = html.find(begin) + begin.size();
  return parse_json(html.substr(from, html.find("</script>", from) - from), "charts").at("charts");
}

std::vector<std::string> titles(const std::string& html) {
  std::vector<std::string> all;
  for (const Json& chart : embedded_charts(html)) { all.push_back(chart.at("title")); }
  return all;
}

TEST(HtmlReport, HeldOutAnswersComeBeforeTheLoss) {
  const std::string folder = test_folder("report_held_out") + "/my-run";
  write_metrics(folder, {"loss", "log_ratio", "eval_win_rate", "eval_win_rate_low", "eval_win_rate_high",
                         "eval_reward", "eval_kl"});
  const std::string html = html_report(folder);
  EXPECT_EQ(titles(html), (std::vector<std::string>{"Win rate", "Reward of held-out answers",
                                                    "KL of held-out answers", "Loss", "Mean log-ratio"}));
  EXPECT_EQ(embedded_charts(html)[0].at("series").size(), 3U) << "with the bounds of its interval";
}

TEST(HtmlReport, ShowsWhatTheRunWasAndOnlyChartsThatHaveData) {
  const std::string folder = test_folder("report_run") + "/my-run";
  write_metrics(folder,
                {"loss", "eval_loss", "rewards/chosen", "rewards/rejected", "log_ratio", "logps/chosen"});
  write_file(folder + "/run.yaml", "method: dpo\nmodel_name_or_path: models/tiny\nseed: 7\n");
  write_file(folder + "/summary.json",
             R"({"una":"9.8.7","finished":"2026-01-02T03:04:05Z","peak_memory_mb":1536})");
  const std::string html = html_report(folder);
  for (const char* part :
       {"dpo \xC2\xB7 my-run", "models/tiny", "2026-01-02 03:04 UTC", "1:05", "9.8.7", "1.5 GB"}) {
    EXPECT_TRUE(has(html, part)) << part;
  }
  EXPECT_EQ(titles(html), (std::vector<std::string>{"Loss", "Rewards", "Mean log-ratio", "logps"}));
  const Json loss = embedded_charts(html)[0].at("series");
  EXPECT_EQ(loss.size(), 2U);
  EXPECT_EQ(loss[0].at("x").dump(), "[1,2,3]");
  EXPECT_EQ(loss[0].at("y").dump(), "[0.5,0.25,0.1666667]");
  EXPECT_EQ(loss[1].at("label"), "eval");
  EXPECT_FALSE(has(html, "KL, own samples"));
}

TEST(HtmlReport, NeedsNothingFromTheNetwork) {
  const std::string folder = test_folder("report_offline");
  write_metrics(folder, {"loss"});
  const std::string html = html_report(folder);
  for (const char* part : {"<link", " src=", "@import", "url(", "fetch("}) {
    EXPECT_FALSE(has(html, part)) << part;
  }
  EXPECT_TRUE(has(html, "prefers-color-scheme: dark"));
  EXPECT_TRUE(has(html, "uPlot=function"));
}

TEST(HtmlReport, TextFromTheRunCannotBecomeMarkup) {
  const std::string evil = "</script><script>alert(1)</script>";
  const std::string folder = test_folder("report_escape");
  write_metrics(folder, {"loss", evil + "/x"});
  write_file(folder + "/run.yaml", "method: '" + evil + "'\n");
  write_file(folder + "/health.txt", evil + "\n");
  write_file(folder + "/samples.jsonl", Json{{"prompt", evil}, {evil, 3}, {"list", {evil}}}.dump() + "\n");
  write_file(folder + "/data.json", Json{{"rows_read", 1},
                                         {"by_shape", {{evil, 1}}},
                                         {"score_mapping", evil},
                                         {"sources", {evil}},
                                         {"mixture", {{{"name", evil}, {"weight", evil}}}},
                                         {"score_fits", {{evil, {{evil, evil}}}}},
                                         {"dropped", {{"x", evil}}}}
                                        .dump());
  write_file(folder + "/results.json",
             Json{{"seed", evil}, {"methods", {{{"name", evil}, {evil, evil}}}}}.dump());
  write_file(folder + "/environment.json", Json{{"started", evil}, {"una_version", evil}}.dump());
  const std::string html = html_report(folder);
  EXPECT_EQ(count(html, "</script>"), 3);
  EXPECT_FALSE(has(html, "<script>alert"));
  EXPECT_TRUE(has(html, "&lt;script&gt;alert"));
}

TEST(HtmlReport, SamplesOfAnyKeysBecomeColumnsAndATornLastLineIsLeftOut) {
  const std::string folder = test_folder("report_samples");
  write_metrics(folder, {"loss"});
  write_file(
      folder + "/samples.jsonl",
      "{\"prompt\":\"p1\",\"gold_before\":1.5}\n{\"prompt\":\"p2\",\"after\":\"a2\"}\n{\"prompt\":\"p3");
  const std::string html = html_report(folder);
  EXPECT_TRUE(has(html, "<th>prompt</th><th class=\"number\">gold before</th><th>after</th>"));
  EXPECT_TRUE(has(html, ">a2<"));
  EXPECT_FALSE(has(html, ">p3"));
}

TEST(HtmlReport, EvaluationsStandSideBySide) {
  const std::string folder = test_folder("report_evaluations");
  write_metrics(folder, {"loss"});
  std::string lines;
  for (int step = 0; step <= 70; step += 10) {
    for (int row = 0; row < 2; ++row) {
      lines += Json{{"step", step},
                    {"row", row},
                    {"prompt", cat("p", row)},
                    {"answer", cat("<b>", step, "/", row)},
                    {"score", step / 10}}
                   .dump() +
               "\n";
    }
  }
  write_file(folder + "/eval_samples.jsonl", lines);
  const std::string html = html_report(folder);
  EXPECT_TRUE(has(html, "<th>prompt</th><th>step 0</th><th>step 10</th>"));
  EXPECT_TRUE(has(html, "<th>step 70</th>")) << "the last evaluation is always there";
  EXPECT_TRUE(has(html, "&lt;b&gt;70/1</div><div class=\"muted\">score 7<"));
  EXPECT_TRUE(has(html, "6 of 8 evaluations, 2 of 2 prompts"));
}

TEST(HtmlReport, AnOnlineRunBeginsWithRewardAndKlAndHidesALossOfNothing) {
  const std::string folder = test_folder("report_online");
  std::string text;
  for (int step = 1; step <= 3; ++step) {
    StoredRow row{.row = {.step = step, .epoch = 0.5, .values = {}}, .total_steps = 10, .elapsed = 65};
    row.row.values = {{"loss", 1e-17}, {"learning_rate", 0.1},         {"reward", step},
                      {"kl", 0.25},    {"completions/mean_length", 9}, {"completions/clipped_ratio", 0.5}};
    text += print_row(row) + "\n";
  }
  write_file(folder + "/metrics.jsonl", text);
  write_file(folder + "/samples.jsonl", "{\"prompt\":\"p\",\"answer\":\"a\",\"reward\":1}\n");
  const std::string html = html_report(folder);
  const std::vector<std::string> shown = titles(html);
  const std::vector<std::string> front(shown.begin(), shown.begin() + 4);
  EXPECT_EQ(front, (std::vector<std::string>{"Reward", "KL", "Length", "Answers cut"}));
  EXPECT_EQ(std::count(shown.begin(), shown.end(), "Loss"), 0);
  EXPECT_FALSE(has(html, "<dt>Loss</dt>"));
  EXPECT_TRUE(has(html, "<dt>Reward</dt><dd>3</dd>"));
  EXPECT_TRUE(has(html, "<dt>KL</dt><dd>0.25</dd>"));
  EXPECT_TRUE(has(html, "<td class=\"lead\" data-name=\"answer\">"));
}

TEST(HtmlReport, TellsWhatTheReaderUnderstood) {
  const std::string folder = test_folder("report_data");
  write_metrics(folder, {"loss"});
  write_file(folder + "/data.json",
             R"({"rows_read":4300,"rows_kept":4121,"by_shape":{"TRL pair":4300},"dropped":{"too long":179},)"
             R"("score_mapping":"1..10 -> 0..1","lengths":{"p50":12},)"
             R"("length_histogram":{"edges":[0,10,20],"counts":[5,6]}})");
  const std::string html = html_report(folder);
  for (const char* part : {"4,300", "4,121", "TRL pair", "too long", "1..10 -&gt; 0..1", "p50", "<rect"}) {
    EXPECT_TRUE(has(html, part)) << part;
  }
}

TEST(HtmlReport, ShowsTheMixtureAndWhatTheScoreMappingLearnt) {
  const std::string folder = test_folder("report_mixture");
  write_metrics(folder, {"loss"});
  const auto report = [&](const std::string& members) {
    write_file(folder + "/data.json", "{\"rows_read\":3," + members + "}");
    return html_report(folder);
  };
  const std::string html = report(
      R"("mixture":[{"name":"a<b.jsonl","weight":0.7,"rows":4200,"of":9000},{"name":"c.jsonl","weight":0.3,"rows":1800,)"
      R"("of":1800}],"score_fits":{"judge":{"mean":1.25,"deviation":0.5},"web":{"mean":-3,"deviation":2}})");
  for (const char* part :
       {"<tr><td>a&lt;b.jsonl</td><td class=\"number\">0.7</td><td class=\"number\">4,200</td>"
        "<td class=\"number\">9,000</td></tr>",
        "<th>source</th><th class=\"number\">weight</th><th class=\"number\">rows drawn</th>",
        "<th>source</th><th class=\"number\">mean</th><th class=\"number\">deviation</th></tr>"
        "<tr><td>judge</td><td class=\"number\">1.25</td><td "
        "class=\"number\">0.5</td></tr><tr><td>web</td>"}) {
    EXPECT_TRUE(has(html, part)) << part;
  }
  std::string percentiles;
  for (int i = 0; i <= 100; ++i) { percentiles += cat(i == 0 ? "" : ",", i + 1000); }
  EXPECT_TRUE(
      has(report(cat(R"("score_fits":{"a":{"percentiles":[)", percentiles, "]}}")),
          "<td>a</td><td class=\"number\">1,000</td><td class=\"number\">1,025</td>"
          "<td class=\"number\">1,050</td><td class=\"number\">1,075</td><td class=\"number\">1,100"));
  EXPECT_FALSE(has(report(R"("mixture":[],"score_fits":{})"), "<th>source</th>"));
  EXPECT_FALSE(has(report(R"("mixture":3,"score_fits":{"a":3})"), "<th>source</th>"));
}

TEST(HtmlReport, HealthComesFromTheFileOrElseFromTheRows) {
  const std::string folder = test_folder("report_health");
  write_metrics(folder, {"loss"});
  EXPECT_TRUE(has(html_report(folder), "All well."));
  write_file(folder + "/health.txt", "eat more greens\n");
  EXPECT_TRUE(has(html_report(folder), "<li>eat more greens</li>"));
}

TEST(HtmlReport, AFolderOfRunsIsComparedInTheOrderOfItsResults) {
  const std::string folder = test_folder("report_compare");
  for (const char* method : {"dpo", "start", "una_runs"}) {
    write_metrics(cat(folder, "/", method), {"loss", "rewards/margins"});
  }
  make_folder(folder + "/empty");
  write_file(
      folder + "/results.json",
      R"({"seed":3,"methods":[)"
      R"({"name":"UNA <pairs>","folder":"una_runs","gold_before":1,"gold_after":2.5,"gain_ci95":[1.25,1.75],"win_rate":0.875,"kl":4.5,)"
      R"("seconds":65,"peak_mb":512,"curve":[{"step":1,"kl":2,"gold":1.5},{"step":2,"kl":4.5,"gold":2.5}]},{"name":"dpo","gold_before":1,"gold_after":1.5,"gain_ci95":null}]})");
  write_html_report(folder + "/una_runs");
  const std::string html = html_report(folder);
  EXPECT_TRUE(has(html, "Comparison of 2 methods"));
  EXPECT_EQ(titles(html), (std::vector<std::string>{"Loss", "Reward margin"}));
  const Json series = embedded_charts(html)[1].at("series");
  ASSERT_EQ(series.size(), 2U);  // "start" is not a method of the results
  EXPECT_EQ(series[0].at("label"), "UNA <pairs>");
  EXPECT_EQ(series[1].at("label"), "dpo");
  for (const char* part :
       {"1.250 to 1.750", "87.5 %", "<td class=\"number best\">1.500</td>", "512.0 MB", "+1.500", "<polyline",
        "UNA &lt;pairs&gt;: 2.5 at 4.5", "href=\"una_runs/report.html\""}) {
    EXPECT_TRUE(has(html, part)) << part;
  }
  EXPECT_FALSE(has(html, "href=\"dpo/report.html\""));
}

TEST(HtmlReport, RoundsAreComparedInTheirOrder) {
  const std::string folder = test_folder("report_rounds");
  Json rounds = Json::array();
  for (int round = 1; round <= 10; ++round) {
    write_metrics(cat(folder, "/round-", round, "/adapter"), {"loss"});
    rounds.push_back({{"round", round}, {"reward_after", 0.123456 * round}, {"reference", "<start>"}});
  }
  write_file(folder + "/results.json", Json{{"method", "una"}, {"rounds", rounds}}.dump());
  const std::string html = html_report(folder);
  const Json series = embedded_charts(html)[0].at("series");
  ASSERT_EQ(series.size(), 10U);
  EXPECT_EQ(series[1].at("label"), "round 2");
  EXPECT_EQ(series[9].at("label"), "round 10");
  for (const char* part : {"<th class=\"number\">reward_after</th>", ">1.235</td>", "&lt;start&gt;"}) {
    EXPECT_TRUE(has(html, part)) << part;
  }
}

TEST(HtmlReport, FoldersOfUnnamedRunsAreComparedByName) {
  const std::string folder = test_folder("report_unnamed");
  for (const char* run : {"b", "a"}) { write_metrics(cat(folder, "/", run), {"loss"}); }
  const Json series = embedded_charts(html_report(folder))[0].at("series");
  ASSERT_EQ(series.size(), 2U);
  EXPECT_EQ(series[0].at("label"), "a");
}

TEST(HtmlReport, LongRunsAreThinnedByAveraging) {
  const std::string folder = test_folder("report_long");
  write_metrics(folder, {"loss"}, 5000);
  const Json loss = embedded_charts(html_report(folder))[0].at("series")[0];
  EXPECT_EQ(loss.at("x").size(), 1667U);
  EXPECT_EQ(loss.at("x").back(), 5000);
  EXPECT_NEAR(loss.at("y")[0].get<double>(), (0.5 + 0.25 + 0.5 / 3) / 3, 1e-6);
}

TEST(HtmlReport, AFolderWithoutMetricsIsRefused) {
  const std::string folder = test_folder("report_none");
  EXPECT_THROW(html_report(folder), InputError);
  EXPECT_THROW(html_report(folder + "/absent"), InputError);
}

TEST(HtmlReport, IsAPureFunctionOfTheFolder) {
  const std::string folder = test_folder("report_pure");
  write_metrics(folder, {"loss"});
  write_html_report(folder);
  EXPECT_EQ(read_file(folder + "/report.html"), html_report(folder));
}

}  // namespace
}  // namespace una::report
