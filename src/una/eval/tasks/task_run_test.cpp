#include "una/eval/tasks/task_run.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/testing.h"
#include "una/core/tiny_spec_testing.h"

namespace una::eval {
namespace {

// A tokenizer without merges: one id for each byte.
text::Tokenizer byte_tokenizer() { return {text::train_bpe({""}, 256, {}), "", "", "test"}; }

Item item_of(const std::string& context, std::vector<std::string> choices) {
  return {.where = {"rows.jsonl", 7},
          .number = 0,
          .context = context,
          .choices = std::move(choices),
          .gold = 0,
          .row = {}};
}

// _encode_pair of the harness: n_spaces of the context go to the continuation.
TEST(TaskRun, SpaceAtTheEndOfAContextBelongsToTheChoice) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  const std::vector<ScoredIds> choices = encode_choices(item_of("ab \n", {"c", "de"}), tokenizer, 100);
  ASSERT_EQ(choices.size(), 2U);
  EXPECT_EQ(choices[0].scored, 4) << "a space, a line feed, the space of the delimiter and c";
  EXPECT_EQ(choices[1].scored, 5);
  EXPECT_EQ(tokenizer.decode(choices[0].ids, false), "ab \n c");
}

// The harness keeps max_length + 1 ids of the end: the last one is only predicted.
TEST(TaskRun, ALongContextIsCutAtItsBeginning) {
  const text::Tokenizer tokenizer = byte_tokenizer();
  const ScoredIds choice = encode_choices(item_of("abcdefgh", {"xy"}), tokenizer, 5).at(0);
  EXPECT_EQ(tokenizer.decode(choice.ids, false), "fgh xy");
  EXPECT_EQ(choice.scored, 3);
  EXPECT_EQ(encode_choices(item_of("abcdefgh", {"xy"}), tokenizer, 3).at(0).scored, 3)
      << "as long as it may be";
  EXPECT_THROW(encode_choices(item_of("abcdefgh", {"xyz"}), tokenizer, 3), InputError);
}

TEST(TaskRun, EveryContestantAnswersWhatItsJournalLacks) {
  const std::string folder = test_folder("task_run");
  const text::Tokenizer tokenizer = byte_tokenizer();
  ModelSpec spec = tiny_spec();
  spec.vocab_size = 256;
  model::Model model(spec, 1, {});
  Subtask subtask{.name = "bbh_x", .chance = 0.5, .items = {}};
  for (std::int64_t i = 0; i < 3; ++i) {
    subtask.items.push_back(item_of("question " + std::to_string(i), {"yes", "no"}));
    subtask.items.back().number = i;
  }
  RowJournal journal(folder + "/bbh.jsonl", "model");
  journal.add("bbh_x", subtask.items[1], {}, {{{"acc", 0.25, 1}}});
  double done = 0;
  TaskRunOptions options{
      .tokenizer = &tokenizer, .max_length = 64, .advance = [&](double rows) { done += rows; }};
  const std::vector<Contestant> contestants = {{"model", {&model}, &journal}};
  EXPECT_TRUE(run_task(find_task("bbh"), {subtask}, nullptr, contestants, options));
  EXPECT_EQ(done, 2) << "the second row was done";
  EXPECT_EQ(journal.find("bbh_x", subtask.items[1])->parts.at(0).sum, 0.25);
  for (const std::size_t i : {0U, 2U}) {
    const RowResult* result = journal.find("bbh_x", subtask.items[i]);
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(result->parts.size(), 2U);
  }
  options.stopped = [] { return true; };
  RowJournal other(folder + "/other.jsonl", "model");
  EXPECT_FALSE(run_task(find_task("bbh"), {subtask}, nullptr, {{"model", {&model}, &other}}, options));
  EXPECT_EQ(other.find("bbh_x", subtask.items[0]), nullptr);
}

}  // namespace
}  // namespace una::eval
