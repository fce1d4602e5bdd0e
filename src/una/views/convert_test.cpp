#include "una/views/convert.h"

#include <gtest/gtest.h>

#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/interrupt_elsewhere.h"
#include "una/rows/rows_testing.h"
#include "una/views/read_examples.h"

namespace una::views {
namespace {

std::string numbers_text(const std::vector<double>& values) {
  std::string out;
  for (const double value : values) { out += significant(value, 17) + ","; }
  return out;
}

std::string number_text(const std::optional<double>& value) { return value ? significant(*value, 17) : "-"; }

// Everything in an example except its place in the file.
std::string everything(const Example& example) {
  std::string out = cat(unit_name(example.unit), " ", rows::text_key(example.prompt), " ", example.tools, " ",
                        example.template_kwargs, " margin ", number_text(example.margin), " weight ",
                        example.weight, " group ", example.group_id, " source ", example.source, " truth ",
                        example.ground_truth.value_or("-"));
  for (const Response& response : example.responses) {
    out += cat("\n  ", rows::text_key(response.text), " label ",
               response.label ? (*response.label ? "+" : "-") : "none", " score ",
               number_text(response.score), " raw ", number_text(response.raw_score), " sampler ",
               static_cast<int>(response.sampler), " ref ", numbers_text(response.ref_rewards.raw), " -> ",
               numbers_text(response.ref_rewards.scores), response.ref_rewards.has_own ? " own" : "");
  }
  return out;
}

class Convert : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    return rows::write_rows(folder_, name, text);
  }
  ConvertReport convert(const std::string& rows, const ConvertOptions& to,
                        rows::DataOptions options = {}) const {
    options.dataset_name = {file("rows.jsonl", rows)};
    return convert_rows(options, to, out_);
  }
  std::string written() const { return read_file(out_); }
  static std::vector<std::string> read(const std::string& path, rows::ReadReport& report) {
    rows::DataOptions options;
    options.dataset_name = {path};
    std::vector<std::string> out;
    for (const Example& example : read_examples(options, report, "")) { out.push_back(everything(example)); }
    return out;
  }
  std::vector<std::string> left_out_reasons() const {
    std::vector<std::string> out;
    const std::string path = out_ + ".left_out.jsonl";
    if (!is_file(path)) { return out; }
    for (const std::string& line : split(read_file(path), '\n')) {
      if (!line.empty()) { out.push_back(parse_json(line, path)["reason"]); }
    }
    return out;
  }

  std::string folder_ = test_folder("convert");
  std::string out_ = folder_ + "/out.jsonl";
};

// Every kind of row, with every optional field.
const char* const kEveryKind =
    R"({"text": "Once."}
{"prompt": "p1", "completion": " c", "weight": 0.25, "source": "books", "ground_truth": 42}
{"prompt": "only a prompt", "ground_truth": "yes"}
{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}], "chat_template_kwargs": {"thinking": true}}
{"prompt": [{"role": "user", "content": "call"}], "completion": [{"role": "assistant", "content": null, "tool_calls": [{"name": "f"}]}], "tools": [{"type": "function", "function": {"name": "f"}}]}
{"prompt": "p2", "chosen": "x", "rejected": "y", "margin": 1.5, "group_id": "g"}
{"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "x"}], "rejected": [{"role": "assistant", "content": "y"}]}
{"prompt": "p3", "chosen": "x", "rejected": "y", "metadata": {"score_chosen": 7.3, "score_rejected": 2}}
{"prompt": "p4", "chosen": "x", "rejected": "y", "score_chosen": 8, "score_rejected": null}
{"chosen": "\n\nHuman: h\n\nAssistant: yes", "rejected": "\n\nHuman: h\n\nAssistant: no"}
{"prompt": "p5", "response": "r", "helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 0}
{"prompt": "p6", "response_1": "r", "response_2": "s", "preference_strength": -2}
{"prompt": "p7", "response": "r", "score": 3.7, "score_range": [1, 5], "ref_rewards": [3.7, 1.2, 5], "in_ref_rewards": true, "sampled_from": "ref"}
{"prompt": "p7", "response": "s", "score": 0.3}
{"prompt": "p8", "responses": [{"content": "a", "score": 3}, {"content": "b", "score": 9.1}, {"content": "c", "score": null}], "score_range": [1, 10], "sampled_from": "policy"}
{"prompt": "p9", "answers": [{"answer": "a", "rank": 2}, {"answer": "b", "rank": 1}, {"answer": "c", "rank": 3}]}
{"instruction": "i", "input": "n", "output": ["best", "worst"], "system": "sys"}
{"prompt": "p10", "responses": [{"content": "a", "label": true}, {"content": "b", "label": false}]}
{"prompt": "p11", "completion": "c", "label": false, "ref_rewards": [0, 1, 1]}
{"conversations": [{"from": "human", "value": "h"}], "chosen": {"from": "gpt", "value": "x"}, "rejected": {"from": "gpt", "value": "y"}}
)";

TEST_F(Convert, NativeRowsReadAsTheExamplesTheyWereMadeOf) {
  const ConvertReport report = convert(kEveryKind, {});
  rows::ReadReport before, after;
  const std::vector<std::string> wanted = read(folder_ + "/rows.jsonl", before);
  ASSERT_EQ(wanted.size(), 21U);
  EXPECT_EQ(read(out_, after), wanted);
  EXPECT_EQ(report.read.rows_kept, 21);
  EXPECT_EQ(report.read.by_shape, before.by_shape);
  EXPECT_EQ(report.lost_reference, 0);
  EXPECT_EQ(report.read.dropped, (std::map<std::string, std::int64_t>{{"score missing", 1}}));
  EXPECT_EQ(left_out_reasons(), std::vector<std::string>{"score missing"});
  EXPECT_TRUE(after.dropped.empty());
}

TEST_F(Convert, ASecondConversionWritesTheSameBytes) {
  convert(kEveryKind, {});
  const std::string once = written();
  convert(once, {});
  EXPECT_EQ(written(), once);
  EXPECT_TRUE(left_out_reasons().empty()) << "the list of the first conversion is gone";
}

TEST_F(Convert, MembersStandInTheOrderOfTheDocuments) {
  convert(
      R"({"score_range": [1, 5], "source": "s", "weight": 2, "sampled_from": "ref", "ground_truth": "t", "score": 4, "response": "r", "prompt": "p", "group_id": 7, "ref_rewards": [4.0, 1.5], "tools": [1], "chat_template_kwargs": {"k": 1}})"
      "\n",
      {});
  EXPECT_EQ(written(),
            R"({"prompt":"p","completion":"r","score":4,"score_range":[1,5],"weight":2,"group_id":"7",)"
            R"("source":"s","ref_rewards":[4,1.5],"sampled_from":"ref","tools":[1],)"
            R"("chat_template_kwargs":{"k":1},"ground_truth":"t"})"
            "\n");
}

const char* const kScored =
    R"({"prompt": "p", "response": "two", "score": 2, "score_range": [0, 10]}
{"prompt": "p", "response": "nine", "score": 9, "score_range": [0, 10]}
{"prompt": "p", "response": "five", "score": 5, "score_range": [0, 10]}
{"prompt": "p", "response": "cinq", "score": 5, "score_range": [0, 10]}
{"prompt": "lonely", "response": "one", "score": 1, "score_range": [0, 10]}
)";

// "nine>two 0.7", one word a pair.
std::string pairs_in(const std::string& text) {
  std::string out;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty()) { continue; }
    const Json row = parse_json(line, "test");
    out += cat(row["chosen"].get<std::string>(), ">", row["rejected"].get<std::string>(), " ",
               fixed(row["margin"].get<double>(), 1), "; ");
  }
  return out;
}

TEST_F(Convert, ScoredAnswersMakeThePairsThatAreAskedFor) {
  ConvertReport report = convert(kScored, {.to = "pairs"});
  EXPECT_EQ(pairs_in(written()), "nine>two 0.7; ");
  EXPECT_EQ(report.read.unused.at("between best and worst"), 2);
  EXPECT_EQ(report.read.unused.at("only scored answer to its prompt"), 1);
  report = convert(kScored, {.to = "pairs", .pairs = "all"});
  EXPECT_EQ(pairs_in(written()), "nine>five 0.4; nine>cinq 0.4; nine>two 0.7; five>two 0.3; cinq>two 0.3; ");
  EXPECT_EQ(report.read.ties.at("equal scores"), 1);
  report = convert(kScored, {.to = "pairs", .pairs = "adjacent"});
  EXPECT_EQ(pairs_in(written()), "nine>five 0.4; cinq>two 0.3; ");
  EXPECT_EQ(report.read.ties.at("equal scores"), 1);
  report = convert(kScored, {.to = "pairs", .pairs = "all", .min_margin = 0.35});
  EXPECT_EQ(pairs_in(written()), "nine>five 0.4; nine>cinq 0.4; nine>two 0.7; ");
  EXPECT_EQ(report.read.unused.at("pairs under min_margin"), 2);
}

TEST_F(Convert, MinMarginForgivesRounding) {
  const ConvertReport report = convert(R"({"prompt": "p", "response": "a", "score": 0.3}
{"prompt": "p", "response": "b", "score": 0.2}
)",
                                       {.to = "pairs", .min_margin = 0.1});
  EXPECT_EQ(report.read.rows_kept, 1);
}

TEST_F(Convert, MinMarginHoldsForGivenPairsWithAMarginAndLeavesTheOthers) {
  const ConvertReport report = convert(R"({"prompt": "p", "chosen": "a", "rejected": "b", "margin": 0.1}
{"prompt": "p", "chosen": "c", "rejected": "d", "margin": 0.6}
{"prompt": "p", "chosen": "e", "rejected": "f"}
)",
                                       {.to = "pairs", .min_margin = 0.5});
  EXPECT_EQ(report.read.rows_kept, 2);
  EXPECT_EQ(report.read.unused.at("pairs under min_margin"), 1);
}

TEST_F(Convert, PairsOfScoresKeepTheirScoresAndCanBecomeScoresAgain) {
  convert(kScored, {.to = "pairs"});
  EXPECT_TRUE(
      rows::contains(written(), R"("score_chosen":9,"score_rejected":2,"score_range":[0,10],"margin":0.7)"))
      << written();
  const std::string pairs = written();
  convert(pairs, {.to = "scores"});
  EXPECT_EQ(written(), R"({"prompt":"p","completion":"nine","score":9,"score_range":[0,10],"source":"rows"}
{"prompt":"p","completion":"two","score":2,"score_range":[0,10],"source":"rows"}
)");
}

TEST_F(Convert, APairMakesAGoodAndABadAnswerAndSharedAnswersOnce) {
  const ConvertReport report = convert(R"({"prompt": "p", "chosen": "a", "rejected": "b", "weight": 3}
{"prompt": "p", "chosen": "a", "rejected": "c"}
{"prompt": "q", "completion": "plain"}
)",
                                       {.to = "binary"});
  EXPECT_EQ(written(), R"({"prompt":"p","completion":"a","label":true,"weight":3,"source":"rows"}
{"prompt":"p","completion":"b","label":false,"weight":3,"source":"rows"}
{"prompt":"p","completion":"c","label":false,"source":"rows"}
)");
  EXPECT_EQ(left_out_reasons(),
            (std::vector<std::string>{"exact duplicate", "of kind sft, has nothing to make binary of"}));
  EXPECT_EQ(report.read.dropped.size(), 2U) << "what is listed is also counted";
}

TEST_F(Convert, AnAnswerThatTwoScoredPairsShareIsOneThumb) {
  const ConvertReport report =
      convert(R"({"prompt": "p", "chosen": "a", "rejected": "b", "score_chosen": 8, "score_rejected": 3}
{"prompt": "p", "chosen": "a", "rejected": "c", "score_chosen": 9, "score_rejected": 3}
)",
              {.to = "binary"});
  EXPECT_EQ(report.read.rows_kept, 3);
  EXPECT_EQ(report.read.dropped.at("exact duplicate"), 1);
}

TEST_F(Convert, RankedListsAndSingleScoresMakeGroups) {
  convert(R"({"prompt": "r", "answers": [{"answer": "a", "rank": 2}, {"answer": "b", "rank": 1}]}
{"prompt": "p", "response": "x", "score": 2, "score_range": [0, 4]}
{"prompt": "p", "response": "y", "score": 5, "score_range": [0, 10]}
)",
          {.to = "groups"});
  EXPECT_EQ(
      written(),
      R"({"prompt":"r","responses":[{"content":"a","score":0},{"content":"b","score":1}],"score_range":[0,1],"source":"rows"}
{"prompt":"p","responses":[{"content":"x","score":0.5},{"content":"y","score":0.5}],"score_range":[0,1],"source":"rows"}
)") << "two scales in one row: written in 0..1";
}

TEST_F(Convert, FittedScoresAreWrittenInZeroToOne) {
  rows::DataOptions options;
  options.score_mapping = "min_max";
  convert(R"({"prompt": "p", "response": "x", "score": -4}
{"prompt": "p", "response": "y", "score": 4}
)",
          {.to = "scores"}, options);
  EXPECT_EQ(written(), R"({"prompt":"p","completion":"x","score":0,"score_range":[0,1],"source":"rows"}
{"prompt":"p","completion":"y","score":1,"score_range":[0,1],"source":"rows"}
)");
}

TEST_F(Convert, WhatCannotStayBesideAnAnswerIsCounted) {
  const std::string rows = R"({"prompt": "p", "response": "x", "score": 0.9, "ref_rewards": [0.9, 0.2]}
{"prompt": "p", "response": "y", "score": 0.1, "ref_rewards": [0.3]}
)";
  EXPECT_EQ(convert(rows, {.to = "scores"}).lost_reference, 0);
  EXPECT_EQ(convert(rows, {.to = "groups"}).lost_reference, 1);
  EXPECT_FALSE(rows::contains(written(), "ref_rewards"));
  EXPECT_EQ(convert(rows, {.to = "binary"}).lost_reference, 2);
  EXPECT_FALSE(rows::contains(written(), "ref_rewards")) << "they are scores, and a label is none";
}

TEST_F(Convert, NothingIsWrittenWhenNothingFits) {
  const std::string error =
      rows::input_error([&] { convert(R"({"prompt": "p", "completion": "c"})", {.to = "scores"}); });
  EXPECT_TRUE(rows::contains(error, "no row is left to write as scores")) << error;
  EXPECT_TRUE(rows::contains(error, "has nothing to make scores of")) << error;
  EXPECT_FALSE(is_file(out_));
}

TEST_F(Convert, WrongChoicesAreRefusedByName) {
  const auto error = [&](const ConvertOptions& to) {
    return rows::input_error([&] { convert(R"({"prompt": "p", "completion": "c"})", to); });
  };
  EXPECT_TRUE(rows::contains(error({.to = "pair"}), R"(--to: "pair" is none of)"));
  EXPECT_TRUE(rows::contains(error({.to = "pair"}), R"(did you mean "pairs"?)"));
  EXPECT_TRUE(
      rows::contains(error({.to = "pairs", .pairs = "some"}), R"(--pairs: "some" is none of best_worst)"));
  EXPECT_TRUE(rows::contains(error({.to = "pairs", .min_margin = -1}), "--min_margin must be 0 or more"));
  EXPECT_TRUE(
      rows::contains(error({.to = "binary", .pairs = "all"}), "are for --to pairs, but --to is binary"));
  rows::DataOptions options;
  options.dataset_name = {file("out.jsonl", R"({"prompt": "p", "completion": "c"})")};
  EXPECT_TRUE(rows::contains(rows::input_error([&] { convert_rows(options, {}, out_); }),
                             "is one of the files to read"));
}

TEST_F(Convert, ASignalStopsItWhileItReads) {
  note_interrupt_elsewhere(15);
  EXPECT_THROW(convert(R"({"prompt": "p", "chosen": "x", "rejected": "y"})", {.to = "binary"}), Interrupted);
  clear_interrupt();
  EXPECT_FALSE(is_file(out_));
}

}  // namespace
}  // namespace una::views
