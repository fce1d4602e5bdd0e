#include "una/study/grid/seed_data.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"
#include "una/base/os/process.h"
#include "una/eval/statistics.h"
#include "una/setup/model_setup.h"
#include "una/study/demo_evaluation.h"
#include "una/study/grid/cells.h"
#include "una/text/tokenizer.h"

namespace una::study {
namespace {

std::string folder_of(const StudyOptions& options, const Seed& seed) {
  return cat(options.output_dir, "/", seed_job(seed));
}

void train_start(const StudyOptions& options, const Seed& seed, const std::string& folder) {
  if (is_file(folder + "/start/summary.json")) { return; }
  const ChildResult result =
      run_self({"demo", "--output_dir", folder, "--task", seed.task, "--seed", std::to_string(seed.number),
                "--stop_after", "start", "--sft_answers", std::to_string(options.sft_answers), "--threads",
                std::to_string(options.threads)},
               {});
  check_child(result, "the start model of " + seed_job(seed), "; run the command again to go on");
}

SeedData plan_of(const StudyOptions& options, const Seed& seed) {
  const auto key = static_cast<std::uint64_t>(seed.number);
  SeedData out;
  out.folder = folder_of(options, seed);
  out.task = &demo::find_task(seed.task);
  out.prompts = out.task->make_prompts(options.feedback_prompts, key, demo::Split::kFeedback);
  out.held_out = out.task->make_prompts(options.held_out_prompts, key, demo::Split::kHeldOut);
  return out;
}

}  // namespace

void make_seed(const StudyOptions& options, const Seed& seed) {
  SeedData data = plan_of(options, seed);
  train_start(options, seed, data.folder);
  const std::string start = data.folder + "/start";
  setup::ModelSetup setup = setup::load_for_inference(start, "", {.dtype = "float32"});
  const text::Tokenizer tokenizer = text::load_tokenizer(start);
  const eval::PolicyUse policy{setup.model.get()};
  const DemoSizes sizes;
  const auto key = static_cast<std::uint64_t>(seed.number);
  const auto sample = [&](const std::vector<std::string>& prompts, int per_prompt, std::uint64_t draws) {
    return sample_demo(policy, tokenizer, *data.task, prompts, {.per_prompt = per_prompt, .seed = draws});
  };
  const std::vector<std::string> answers = sample(data.prompts, sizes.samples_per_prompt, key).answers.texts;
  const ScoredSamples before = sample(data.held_out, sizes.samples_per_held_out, key + 1);
  const ScoredSamples judged = sample(data.held_out, sizes.judged_per_prompt, key + 2);
  write_file(data.folder + "/seed.json",
             json_line(Json{{"settings", seed_settings(options, seed)},
                            {"answers", answers},
                            {"gold_before", before.gold},
                            {"prompt_ids", judged.answers.prompt_ids},
                            {"answer_ids", judged.answers.answer_ids},
                            {"gold", judged.gold},
                            {"logps", eval::sampled_logps(policy, judged.answers)}}));
  const GoldSpread spread = gold_spread(judged.gold, sizes.judged_per_prompt);
  std::printf(
      "%s: the start model's gold score is %.3f, with a deviation of %.3f inside prompts and %.3f between them\n",
      seed_job(seed).c_str(), spread.mean, spread.inside, spread.between);
  std::fflush(stdout);
}

GoldSpread gold_spread(const std::vector<double>& gold, int per_prompt) {
  const std::vector<double> means = eval::prompt_means(gold, per_prompt);
  const auto prompts = static_cast<double>(means.size()), each = static_cast<double>(per_prompt);
  GoldSpread out;
  for (const double mean : means) { out.mean += mean / prompts; }
  double inside = 0, between = 0;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    const double error = gold[i] - means[i / static_cast<std::size_t>(per_prompt)];
    inside += error * error / (prompts * (each - 1));
  }
  for (const double mean : means) { between += (mean - out.mean) * (mean - out.mean) / (prompts - 1); }
  out.inside = std::sqrt(inside);
  out.between = std::sqrt(std::max(0.0, between - inside / each));  // means of few answers spread too
  return out;
}

bool has_seed(const StudyOptions& options, const Seed& seed) {
  return is_file(folder_of(options, seed) + "/seed.json");
}

SeedData read_seed(const StudyOptions& options, const Seed& seed) {
  SeedData out = plan_of(options, seed);
  const std::string path = out.folder + "/seed.json";
  const Json json = read_json_file(path);
  check_input(json.at("settings") == seed_settings(options, seed), path, " was made with ",
              dump_json(json.at("settings")), " and the study asks for ",
              dump_json(seed_settings(options, seed)), ": give the same keys, or another --out");
  const auto answers = json.at("answers").get<std::vector<std::string>>();
  const auto each = static_cast<std::size_t>(DemoSizes{}.samples_per_prompt);
  check_input(answers.size() == each * out.prompts.size(), path, ": not as many answers as prompts ask for");
  out.answers.resize(out.prompts.size());
  for (std::size_t i = 0; i < answers.size(); ++i) { out.answers[i / each].push_back(answers[i]); }
  out.gold_before = json.at("gold_before").get<std::vector<double>>();
  out.judged.prompt_ids = json.at("prompt_ids").get<std::vector<std::vector<std::int32_t>>>();
  out.judged.answer_ids = json.at("answer_ids").get<std::vector<std::vector<std::int32_t>>>();
  out.judged_gold = json.at("gold").get<std::vector<double>>();
  out.judged_logps = json.at("logps").get<std::vector<double>>();
  return out;
}

}  // namespace una::study
