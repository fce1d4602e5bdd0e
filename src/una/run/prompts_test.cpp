#include "una/run/prompts.h"

#include <memory>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::run {
namespace {

// One id for each byte.
setup::TextSetup byte_text() {
  return {.folder = "test",
          .encoder = text::Encoder({.tokenizer = std::make_shared<text::Tokenizer>(
                                        text::train_bpe({""}, 257, {"</s>"}), "", "", "test"),
                                    .eos_id = 0})};
}

constexpr const char* kRows =
    "{\"prompt\": \"four\", \"chosen\": \"a\", \"rejected\": \"b\"}\n"
    "{\"prompt\": \"four\", \"chosen\": \"b\", \"rejected\": \"a\"}\n"
    "{\"prompt\": \"six...\", \"chosen\": \"a\", \"rejected\": \"b\"}\n";

struct Read {
  std::vector<rollout::Prompt> prompts;
  rows::ReadReport report;
};

Read read(const std::string& name, std::int64_t tokens, double allow_dropped) {
  rows::DataOptions options;
  options.dataset_name = {test_folder("prompts_" + name) + "/rows.jsonl"};
  options.allow_dropped = allow_dropped;
  write_file(options.dataset_name[0], kRows);
  Read out;
  out.prompts = read_prompts(options, byte_text(), {tokens, "made of x", "do y"}, out.report);
  return out;
}

TEST(Prompts, RowsThatShareAPromptAreOneTask) {
  const Read all = read("all", 6, 0);
  ASSERT_EQ(all.prompts.size(), 2U);
  EXPECT_EQ(all.prompts[1].ids.size(), 6U) << "as long as there is room";
  EXPECT_EQ(all.prompts[1].example.where.line, 3);
  EXPECT_EQ(all.prompts[0].example.unit, Unit::kPrompt);
  EXPECT_TRUE(all.prompts[0].example.responses.empty());
  EXPECT_EQ(all.report.rows_kept, 2);
}

TEST(Prompts, LongOnesAreDroppedOnlyAsFarAsThatIsAllowed) {
  const Read kept = read("kept", 5, 0.5);
  EXPECT_EQ(kept.prompts.size(), 1U);
  EXPECT_EQ(kept.report.dropped.at("prompt leaves no room for max_completion_length"), 1);
  try {
    read("lost", 5, 0.4);  // one of two
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()),
              "1 of 2 prompts are longer than 5 tokens (made of x); do y, or allow it with --allow_dropped");
  }
}

TEST(Prompts, PeopleAreShownTheLastTurn) {
  EXPECT_EQ(shown_prompt({.is_chat = false, .plain = "q", .messages = {}}), "q");
  EXPECT_EQ(
      shown_prompt({.is_chat = true, .plain = "", .messages = {{"system", "s", ""}, {"user", "u", ""}}}),
      "u");
  EXPECT_EQ(shown_prompt({.is_chat = true, .plain = "", .messages = {}}), "");
}

}  // namespace
}  // namespace una::run
