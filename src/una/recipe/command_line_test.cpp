#include "una/recipe/command_line.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/recipe/commands.h"

namespace una::recipe {
namespace {

struct Toy {
  std::string model_name_or_path, output_dir;
  std::int64_t rows = 3;
  bool exact_sampling = false;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "a model");
    v("output_dir", output_dir, "a file");
    v("rows", rows, "rows shown");
    v("exact_sampling", exact_sampling, "a switch");
  }
};

std::string refusal(const Arguments& arguments) {
  try {
    read_command<Toy>(arguments);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

std::string answer_of(const Arguments& arguments) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(run_command(arguments), 0);
  return ::testing::internal::GetCapturedStdout();
}

TEST(CommandLine, FlagsAndShortNamesFillTheOptions) {
  const auto toy = read_command<Toy>({"--model", "m", "--rows=7"});
  EXPECT_EQ(toy.model_name_or_path, "m");
  EXPECT_EQ(toy.rows, 7);
}

TEST(CommandLine, HelpIsPrintedInBothSpellings) {
  for (const char* word : {"--help", "-h"}) {
    const std::string text = answer_of({"merge", word});
    EXPECT_NE(text.find("usage: una merge"), std::string::npos);
    EXPECT_NE(text.find("--max_shard_size"), std::string::npos);
  }
}

TEST(CommandLine, UnknownFlagsAreNamedAsTypedEvenWithoutAValue) {
  EXPECT_EQ(refusal({"--push-to-mars"}), "--push-to-mars: unknown option");
  EXPECT_EQ(refusal({"--rosw", "1", "--x", "--model", "m"}),
            "2 unknown options: --rosw (did you mean rows?), --x");
}

TEST(CommandLine, AConfigServesWithTheKeysThatTheCommandHas) {
  const std::string path = test_folder("command_line") + "/run.yaml";
  write_file(path, "model: m\nrows: 4\nlearning_rate: 0.1\n");
  const auto toy = read_command<Toy>({"--config", path, "--rows", "5"});
  EXPECT_EQ(toy.model_name_or_path, "m");
  EXPECT_EQ(toy.rows, 5) << "flags win";
  write_file(path, "exact_sampling: auto\n");
  EXPECT_FALSE(read_command<Toy>({"--config", path}).exact_sampling)
      << "a run's choice that the program makes";
  write_file(path, "rows: 4\nrwos: 1\nzzz: 2\n");
  const std::string text = refusal({"--config", path});
  EXPECT_NE(text.find("run.yaml:2: rwos (did you mean rows?)"), std::string::npos) << text;
  EXPECT_NE(text.find("run.yaml:3: zzz"), std::string::npos) << text;
}

TEST(CommandLine, TheModelIsTheBaseThatTheAdapterNames) {
  const std::string folder = test_folder("command_line_adapter");
  make_folder(folder + "/base");
  write_file(folder + "/base/config.json", "{}");
  make_folder(folder + "/adapter");
  const auto write = [&](const std::string& base) {
    write_file(folder + "/adapter/adapter_config.json",
               R"({"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, )"
               R"("target_modules": ["q_proj"], "base_model_name_or_path": ")" +
                   base + "\"}");
  };
  write(folder + "/base");
  std::string model;
  find_model(model, folder + "/adapter");
  EXPECT_EQ(model, folder + "/base");
  find_model(model, "");
  EXPECT_EQ(model, folder + "/base") << "what was given stays";
  for (const std::string& base : {std::string("org/model"), folder + "/adapter"}) {
    write(base);
    std::string none;
    EXPECT_THROW(find_model(none, folder + "/adapter"), InputError) << base;
  }
}

TEST(CommandLine, HelpOfACommandByEitherOrder) {
  EXPECT_EQ(answer_of({"help", "merge"}), answer_of({"merge", "--help"}));
  EXPECT_NE(answer_of({"-h"}).find("una_online"), std::string::npos);
  EXPECT_NE(answer_of({"help", "dpo", "all"}).find("--una_loss"), std::string::npos);
  EXPECT_EQ(answer_of({"help", "dpo"}).find("--una_loss"), std::string::npos);
}

TEST(CommandLine, TheManualPageHasTheSameKeysAsTheHelp) {
  const std::string text = answer_of({"dpo", "--help", "man"});
  EXPECT_EQ(text.find(".TH una\\-dpo 1"), 0U) << text.substr(0, 100);
  EXPECT_NE(text.find(".B \\-\\-loss_type\n"), std::string::npos);
}

TEST(CommandLine, TheVersionNamesWhatTheProgramIsMadeOf) {
  const std::string text = answer_of({"--version"});
  EXPECT_EQ(text.find(cat("una ", UNA_VERSION, " (")), 0U) << text;
  EXPECT_NE(text.find("\nLibTorch 2."), std::string::npos) << text;
  EXPECT_NE(text.find(", loops for "), std::string::npos) << text;
}

TEST(CommandLine, EveryCommandIsCompletedWithItsShortNames) {
  const std::string script = answer_of({"completion", "bash"});
  for (const Command& command : commands()) {
    EXPECT_NE(script.find(cat("    ", command.name, ") keys='--")), std::string::npos) << command.name;
  }
  EXPECT_NE(script.find("--model --model_name_or_path"), std::string::npos);
  EXPECT_THROW(run_command({"completion"}), InputError);
}

TEST(CommandLine, AnUnknownCommandGetsTheHintThatHelps) {
  const auto sentence = [](const std::string& name) {
    try {
      run_command({name});
    } catch (const InputError& error) { return std::string(error.what()); }
    return std::string();
  };
  EXPECT_EQ(sentence("orpo"), "unknown command 'orpo'; orpo is a loss of dpo: una dpo --loss_type orpo");
  EXPECT_EQ(sentence("finetune"), "unknown command 'finetune'; here it is called sft");
  EXPECT_EQ(sentence("trian"), "unknown command 'trian'; did you mean train?");
  EXPECT_EQ(sentence("xyzzyx"), "unknown command 'xyzzyx'; una --help lists them");
}

}  // namespace
}  // namespace una::recipe
