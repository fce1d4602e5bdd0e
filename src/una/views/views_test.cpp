#include "una/views/views.h"

#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"
#include "una/views/scores/scores.h"

namespace una::views {
namespace {

struct Derived {
  std::vector<Example> examples;
  rows::ReadReport report;
  rows::DropLog drops;
};

Derived derive(const std::vector<std::string>& jsons, const std::string& feedback,
               std::vector<std::string> score_range = {}) {
  rows::DataOptions options;
  options.feedback = feedback;
  options.score_range = std::move(score_range);
  std::vector<rows::ReadRow> rows;
  for (const std::string& json : jsons) {
    rows.push_back(rows::read_row(parse_json(json, "test"), {"rows.jsonl", std::ssize(rows) + 1}, {}));
  }
  Derived out;
  map_scores(rows, options, out.report);
  remove_degenerate(rows, out.drops);
  out.examples = derive_views(std::move(rows), options, out.report, out.drops);
  return out;
}

// "pairwise p: a+ b-", one line an example.
std::string summary(const Derived& derived) {
  std::string out;
  for (const Example& example : derived.examples) {
    out += std::string(unit_name(example.unit)) + " " + rows::shown(example.prompt) + ":";
    for (const Response& response : example.responses) {
      out += " " + rows::shown(response.text);
      if (response.label) { out += *response.label ? "+" : "-"; }
    }
    out += "\n";
  }
  return out;
}

std::string scored(const std::string& prompt, const std::string& answer, const std::string& score) {
  return R"({"prompt": ")" + prompt + R"(", "response": ")" + answer + R"(", "score": )" + score + "}";
}

std::string ultra(const std::string& prompt, const std::string& chosen, const std::string& rejected,
                  const std::string& high, const std::string& low) {
  return R"({"prompt": ")" + prompt + R"(", "chosen": ")" + chosen + R"(", "rejected": ")" + rejected +
         R"(", "score_chosen": )" + high + R"(, "score_rejected": )" + low + "}";
}

const std::vector<std::string> kAnswers = {scored("p", "mid", "0.5"),  scored("q", "only", "0.9"),
                                           scored("p", "best", "0.8"), scored("p", "worst", "0.1"),
                                           scored("t", "x", "0.3"),    scored("t", "y", "0.3")};

TEST(Views, ScoredAnswersStayScoresInAutoAndScore) {
  EXPECT_EQ(summary(derive(kAnswers, "auto")),
            "score p: mid\nscore q: only\nscore p: best\nscore p: worst\nscore t: x\nscore t: y\n");
  EXPECT_EQ(summary(derive(kAnswers, "score")), summary(derive(kAnswers, "auto")));
}

TEST(Views, PairsAreBestAgainstWorstOfAPromptOverTheWholeFile) {
  const Derived derived = derive(kAnswers, "pairwise");
  EXPECT_EQ(summary(derived), "pairwise p: best worst\n");
  EXPECT_NEAR(*derived.examples[0].margin, 0.7, 1e-15);
  EXPECT_EQ(derived.report.ties.at("equal scores"), 1);
  EXPECT_EQ(derived.report.unused.at("only scored answer to its prompt"), 1);
  EXPECT_EQ(derived.report.unused.at("between best and worst"), 1);
  EXPECT_EQ(derived.drops.size(), 0);
}

TEST(Views, ThumbsAreBestAndWorstAndTheThresholdForSingleAnswers) {
  const Derived derived = derive(kAnswers, "binary");
  EXPECT_EQ(summary(derived), "binary p: best+\nbinary p: worst-\nbinary q: only+\n");
  EXPECT_EQ(derived.report.ties.at("equal scores"), 1);
}

TEST(Views, GroupsGatherTheAnswersToAPrompt) {
  const Derived derived = derive(kAnswers, "group");
  EXPECT_EQ(summary(derived), "group p: mid best worst\ngroup t: x y\n");
  EXPECT_EQ(derived.examples[0].responses[1].score, 0.8);
}

TEST(Views, AGroupIdHoldsRowsTogetherAndMustNotJoinOtherPrompts) {
  const std::string a = R"({"prompt": "p", "response": "a", "score": 0.1, "group_id": "g"})";
  const std::string b = R"({"prompt": "p", "response": "b", "score": 0.2, "group_id": "h"})";
  EXPECT_EQ(derive({a, b}, "group").examples.size(), 0U);
  const std::string c = R"({"prompt": "q", "response": "c", "score": 0.2, "group_id": "g"})";
  EXPECT_TRUE(rows::contains(rows::input_error([&] { derive({a, c}, "group"); }),
                             "rows.jsonl:2: field \"group_id\""));
}

TEST(Views, AnExplicitPairStandsWithItsMarginWhateverItsScores) {
  const Derived derived = derive({ultra("p", "a", "b", "10", "1"), ultra("q", "c", "d", "5.5", "5.5"),
                                  ultra("r", "e", "f", "2", "null")},
                                 "auto");
  EXPECT_EQ(summary(derived), "pairwise p: a b\npairwise q: c d\npairwise r: e f\n");
  EXPECT_EQ(derived.examples[0].margin, 1.0);
  EXPECT_EQ(derived.examples[1].margin, 0.0);
  EXPECT_FALSE(derived.examples[2].margin.has_value());
  EXPECT_TRUE(derived.report.ties.empty());
  EXPECT_EQ(derived.report.score_mapping, "UltraFeedback: 1..10 -> 0..1");
}

TEST(Views, AScoredPairCanBeUsedInEveryForm) {
  const std::vector<std::string> rows = {ultra("p", "a", "b", "10", "1"), ultra("q", "c", "d", "5.5", "5.5"),
                                         ultra("r", "e", "f", "2", "null")};
  const Derived score = derive(rows, "score");
  EXPECT_EQ(summary(score), "score p: a\nscore p: b\nscore q: c\nscore q: d\nscore r: e\n");
  EXPECT_EQ(score.examples[0].responses[0].score, 1.0);
  EXPECT_EQ(score.examples[2].responses[0].score, 0.5);
  EXPECT_EQ(score.examples[2].responses[0].raw_score, 5.5);
  EXPECT_EQ(score.drops.by_reason().at("score missing"), 1);
  EXPECT_EQ(summary(derive(rows, "group")), "group p: a b\ngroup q: c d\n");
  const Derived binary = derive(rows, "binary");
  EXPECT_EQ(summary(binary), "binary p: a+\nbinary p: b-\nbinary r: e+\nbinary r: f-\n");
  EXPECT_EQ(binary.report.ties.at("equal scores"), 1);
  EXPECT_EQ(summary(derive(rows, "pairwise")), "pairwise p: a b\npairwise q: c d\npairwise r: e f\n");
}

TEST(Views, PairsOfOnePromptThatShareAnAnswerGiveItOnce) {
  const Derived derived = derive({ultra("p", "a", "b", "9", "2"), ultra("p", "a", "c", "9", "3")}, "group");
  EXPECT_EQ(summary(derived), "group p: a b c\n");
  EXPECT_EQ(derived.drops.by_reason().at("exact duplicate"), 1);
}

TEST(Views, UnscoredRowsPassAndBinarySplitsPairs) {
  const std::vector<std::string> rows = {R"({"prompt": "p", "chosen": "a", "rejected": "b"})",
                                         R"({"prompt": "p", "completion": "c", "label": true})",
                                         R"({"prompt": "p", "completion": "d"})", R"({"prompt": "p"})"};
  EXPECT_EQ(summary(derive(rows, "score")), "pairwise p: a b\nbinary p: c+\nsft p: d\nprompt p:\n");
  EXPECT_EQ(summary(derive(rows, "binary")),
            "binary p: a+\nbinary p: b-\nbinary p: c+\nsft p: d\nprompt p:\n");
}

TEST(Views, NativeGroupsStayGroupsInAutoAndLoseBadAnswers) {
  const std::string row = R"({"prompt": "p", "responses": [{"content": "a", "score": 0.5},
    {"content": "  ", "score": 0.2}, {"content": "c", "score": -1}, {"content": "d", "score": 1}]})";
  const Derived derived = derive({row}, "auto");
  EXPECT_EQ(summary(derived), "group p: a d\n");
  EXPECT_EQ(derived.drops.by_reason().at("empty answer"), 1);
  EXPECT_EQ(derived.drops.by_reason().at("score missing"), 1);
  EXPECT_EQ(summary(derive({row}, "pairwise")), "pairwise p: d a\n");
}

TEST(Views, StatedTiesMakeNoPair) {
  const Derived derived = derive({R"({"prompt": "p", "response_1": "a", "response_2": "b",
    "preference_strength": 0})"},
                                 "auto");
  EXPECT_TRUE(derived.examples.empty());
  EXPECT_EQ(derived.report.ties.at("stated tie"), 1);
}

TEST(Views, DegenerateRowsAreDroppedAndCounted) {
  const Derived derived =
      derive({R"({"prompt": "p", "chosen": "a", "rejected": "a"})",
              R"({"prompt": "p", "chosen": "", "rejected": "a"})", R"({"prompt": "p", "completion": "c"})",
              R"({"prompt": "p", "completion": "c"})", R"({"prompt": "p"})", R"({"prompt": "p"})",
              ultra("p", "x", "x", "9", "2")},
             "auto");
  EXPECT_EQ(summary(derived), "sft p: c\nprompt p:\nprompt p:\n");
  EXPECT_EQ(derived.drops.by_reason().at("chosen equals rejected"), 2);
  EXPECT_EQ(derived.drops.by_reason().at("empty answer"), 1);
  EXPECT_EQ(derived.drops.by_reason().at("exact duplicate"), 1);
}

TEST(Views, ScoresNeedARangeUnlessTheyLieIn01) {
  const std::vector<std::string> rows = {scored("p", "a", "0.5"), scored("p", "b", "7.5"),
                                         scored("p", "c", "-1"), scored("p", "d", "-0.25")};
  const std::string error = rows::input_error([&] { derive(rows, "auto"); });
  EXPECT_TRUE(rows::contains(error, "rows.jsonl:2: field \"score\" is outside [0, 1]")) << error;
  EXPECT_TRUE(rows::contains(error, "minimum -0.25, maximum 7.5")) << error;
  EXPECT_TRUE(rows::contains(error, "--score_range")) << error;
  const Derived derived =
      derive({scored("p", "a", "1"), scored("p", "b", "10"), scored("p", "c", "-1")}, "auto", {"1", "10"});
  ASSERT_EQ(derived.examples.size(), 2U);
  EXPECT_EQ(derived.examples[0].responses[0].score, 0.0);
  EXPECT_EQ(derived.examples[1].responses[0].score, 1.0);
  EXPECT_EQ(derived.drops.by_reason().at("score missing"), 1);
  EXPECT_EQ(derived.report.score_mapping, "1..10 -> 0..1");
}

TEST(Views, AScoreOutsideItsRangeIsAnErrorUnlessItIsASentinel) {
  const std::string error = rows::input_error([] { derive({scored("p", "a", "11")}, "auto", {"1", "10"}); });
  EXPECT_TRUE(rows::contains(error, "rows.jsonl:1: field \"score\" is 11, outside the range 1..10")) << error;
  const Derived inside = derive({scored("p", "a", "-1")}, "auto", {"-1", "1"});  // here -1 is a score
  EXPECT_EQ(inside.examples.at(0).responses[0].score, 0.0);
  const std::string rated =
      R"({"prompt": "p", "response": "a", "rating": 4.5})";  // it has its file's name for it
  EXPECT_TRUE(
      rows::contains(rows::input_error([&] { derive({rated}, "auto"); }), "field \"rating\" is outside"));
  EXPECT_TRUE(rows::contains(rows::input_error([&] { derive({rated}, "auto", {"0", "4"}); }),
                             "field \"rating\" is 4.5, outside the range 0..4"));
  const std::string own = R"({"prompt": "p", "response": "a", "score": 3, "score_range": [1, 5]})";
  EXPECT_EQ(derive({own}, "auto", {"0", "100"}).examples.at(0).responses[0].score, 0.5);
}

TEST(Views, APerfectHelpsteer2RowHasTargetOne) {
  const std::string row =
      R"({"prompt": "p", "response": "a", "helpfulness": 4, "correctness": 4, "coherence": 4})";
  EXPECT_EQ(derive({row}, "auto").examples.at(0).responses[0].score, 1.0);
}

TEST(Views, AnUnknownFeedbackNamesTheNearest) {
  EXPECT_TRUE(rows::contains(rows::input_error([] { derive({scored("p", "a", "1")}, "pairwize"); }),
                             "did you mean \"pairwise\""));
}

TEST(Views, AThresholdNeedsAViewThatReadsIt) {
  const auto refusal = [](const std::string& feedback) {
    rows::DataOptions options;
    options.binary_threshold = 0.7;
    options.feedback = feedback;
    rows::ReadReport report;
    rows::DropLog drops;
    return rows::input_error([&] { derive_views({}, options, report, drops); });
  };
  EXPECT_EQ(refusal("score"),
            "--binary_threshold is read with --feedback binary or thumbs, not with --feedback score");
  EXPECT_EQ(refusal("binary") + refusal("thumbs"), "");
}

TEST(Views, ThumbsOfOnePromptStandTogether) {
  const auto thumb = [](const std::string& prompt, const std::string& answer, const std::string& label) {
    return R"({"prompt": ")" + prompt + R"(", "completion": ")" + answer + R"(", "label": )" + label + "}";
  };
  const Derived derived =
      derive({thumb("p", "a", "true"), thumb("q", "b", "false"), thumb("p", "c", "false")}, "thumbs");
  EXPECT_EQ(summary(derived), "group p: a+ c-\nbinary q: b-\n");
  EXPECT_EQ(derived.examples[0].responses[0].score, 1);
  EXPECT_EQ(derived.examples[0].responses[1].score, 0);
  // Scores become thumbs at binary_threshold first.
  EXPECT_EQ(summary(derive(kAnswers, "thumbs")),
            "group p: mid- best+ worst-\nbinary q: only+\ngroup t: x- y-\n");
}

}  // namespace
}  // namespace una::views
