#include "una/study/online_demo.h"

#include <algorithm>
#include <cstdio>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/demo/feedback.h"
#include "una/setup/reward_setup.h"
#include "una/train/checkpoint.h"

namespace una::study {
namespace {

constexpr const char* kPhases[] = {"generate", "reward", "annotate", "train"};

std::vector<Json> metric_rows(const DemoRun& run, const std::string& folder) {
  std::vector<Json> rows;
  for (const std::string& line : split(read_file(cat(run.out(), "/", folder, "/metrics.jsonl")), '\n')) {
    if (!line.empty()) { rows.push_back(Json::parse(line)); }
  }
  return rows;
}

// A reward model on the same start, from the pairs that the offline demo learns from. Returns its accuracy on
// held-out pairs.
double train_reward_model(const DemoRun& run) {
  const DemoSizes& sizes = run.sizes();
  setup::RunConfig config = run.base_config("reward", "reward");
  config.data.dataset_name = {run.data_file("pair")};
  config.train.num_train_epochs = static_cast<double>(sizes.reward_epochs);
  config.train.per_device_train_batch_size = 32;
  config.train.learning_rate = sizes.reward_learning_rate;
  config.train.eval_strategy = "epoch";
  config.run.eval_fraction = 0.1;
  const ChildResult result = run.child(config);
  double accuracy = 0;
  for (const Json& row : metric_rows(run, "reward")) { accuracy = row.value("eval_accuracy", accuracy); }
  run.say(cat("reward model: ", fixed(100 * accuracy, 1), " % of the pairs kept apart right, in ",
              fixed(result.seconds, 0), " s"));
  return accuracy;
}

std::int64_t rounds_of(const DemoRun& run) {
  return run.options().steps > 0 ? run.options().steps : run.sizes().rounds;
}

setup::RunConfig method_config(const DemoRun& run, const OnlineDemoMethod& method) {
  const DemoSizes& sizes = run.sizes();
  const std::int64_t steps = rounds_of(run) * method.passes, points = run.options().curve_points;
  setup::RunConfig config = run.base_config(method.method, method.folder);
  method.keys(config);
  config.data.dataset_name = {run.data_file("prompts")};
  config.objective.beta = sizes.online_beta;
  config.objective.max_completion_length = run.task().max_new_tokens;
  config.online.reward = {cat("model:", run.out(), "/reward")};
  config.online.num_iterations = method.passes;
  config.online.num_generations = sizes.answers_per_prompt;
  config.online.generation_batch_size = 256;
  config.train.per_device_train_batch_size = sizes.prompts_per_round;
  config.train.max_steps = steps;
  config.train.learning_rate = method.learning_rate;
  config.train.logging_steps = 1;
  if (points > 0) {
    config.train.save_strategy = "steps";
    config.train.save_steps = std::max<std::int64_t>(1, steps / points);
    config.train.save_total_limit = 0;
    config.train.save_only_model = true;
  }
  return config;
}

// Seconds and the largest peak of each phase, as the run logged them.
void add_phases(const DemoRun& run, MethodResult& result) {
  const std::vector<Json> rows = metric_rows(run, result.folder);
  for (const char* phase : kPhases) {
    double seconds = 0, peak = 0;
    for (const Json& row : rows) {
      seconds += row.value(cat("time/", phase), 0.0);
      peak = std::max(peak, row.value(cat("memory/", phase, "_mb"), 0.0));
    }
    result.more[cat(phase, "_seconds")] = seconds;
    result.more[cat(phase, "_peak_mb")] = peak;
  }
}

double figure(const MethodResult& result, const std::string& name) {
  return result.more.at(name).get<double>();
}

double mean_reward(const DemoRun& run, reward::Reward& reward, const eval::Sampled& sampled) {
  const std::vector<Example> prompts = demo::prompt_rows(run.held_out(), "demo_held_out");
  const auto per_prompt = static_cast<std::size_t>(run.sizes().samples_per_held_out);
  std::vector<reward::Question> questions;
  for (std::size_t i = 0; i < sampled.texts.size(); ++i) {
    Text answer;
    answer.plain = sampled.texts[i];
    questions.push_back({.prompt = prompts[i / per_prompt].prompt, .answer = std::move(answer)});
  }
  double sum = 0, count = 0;
  for (const reward::Verdict& verdict : reward.score(questions)) {
    if (!verdict.score) { continue; }
    sum += *verdict.score;
    count += 1;
  }
  check(count > 0, "online demo: the reward model scored nothing");
  return sum / count;
}

void add_rewards(const DemoRun& run, reward::Reward& reward, std::vector<MethodResult>& results) {
  const double before = mean_reward(run, reward, run.before().answers);
  for (MethodResult& result : results) {
    result.more["reward_before"] = before;
    result.more["reward_after"] = mean_reward(run, reward, result.sampled.answers);
  }
}

// Each checkpoint: its distance from the start, and how good it is.
void add_curves(const DemoRun& run, reward::Reward& reward, std::vector<MethodResult>& results) {
  for (MethodResult& result : results) {
    const std::vector<std::int64_t> steps = train::checkpoint_steps(cat(run.out(), "/", result.folder));
    std::vector<MethodResult> points;
    for (const std::int64_t step : steps) {
      points.push_back({.name = result.name, .folder = cat(result.folder, "/checkpoint-", step)});
    }
    run.evaluate(points);
    Json curve = Json::array();
    for (std::size_t i = 0; i < points.size(); ++i) {
      curve.push_back(Json{{"step", steps[i]},
                           {"kl", points[i].kl},
                           {"gold", points[i].gold_after},
                           {"rho", points[i].efficiency.rho.mean},
                           {"reward", mean_reward(run, reward, points[i].sampled.answers)}});
    }
    result.more["curve"] = std::move(curve);
  }
}

void print_table(const DemoRun& run, const std::vector<MethodResult>& results) {
  const DemoSizes& sizes = run.sizes();
  std::printf(
      "\n%zu held-out prompts (%d samples each, temperature 1); %lld rounds of %d prompts with %d answers, "
      "beta "
      "%s, seed %lld\n\n",
      run.held_out().size(), sizes.samples_per_held_out, static_cast<long long>(rounds_of(run)),
      sizes.prompts_per_round, sizes.answers_per_prompt, significant(sizes.online_beta, 2).c_str(),
      static_cast<long long>(run.options().seed));
  std::printf("%-20s %-15s  %-30s %-15s %6s  %-19s %8s %8s\n", "method", "gold", "gain  [95 % interval]",
              "reward model", "KL", "rho  [95 %]", "seconds", "peak MB");
  for (const MethodResult& r : results) {
    std::printf(
        "%-20s %.3f -> %.3f  %+.3f  [%+.3f, %+.3f] %s %5.2f -> %5.2f  %6.2f  %.3f [%.3f, %.3f] %8.1f %8.0f\n",
        r.name.c_str(), r.gold_before, r.gold_after, r.gain.mean, r.gain.low, r.gain.high,
        r.gain.low > 0 ? "     " : "n. s.", figure(r, "reward_before"), figure(r, "reward_after"), r.kl,
        r.efficiency.rho.mean, r.efficiency.rho.low, r.efficiency.rho.high, r.seconds, r.peak_mb);
  }
  std::printf("\n%-20s %-36s %-36s\n", "", "seconds", "peak MB");
  std::printf("%-20s", "phase");
  for (int i = 0; i < 2; ++i) {
    for (const char* phase : kPhases) { std::printf(" %8s", phase); }
  }
  std::printf("\n");
  for (const MethodResult& r : results) {
    std::printf("%-20s", r.name.c_str());
    for (const char* phase : kPhases) { std::printf(" %8.1f", figure(r, cat(phase, "_seconds"))); }
    for (const char* phase : kPhases) { std::printf(" %8.0f", figure(r, cat(phase, "_peak_mb"))); }
    std::printf("\n");
  }
  std::printf(
      "\ngold: the task's exact score; reward model: its mean score of the same answers, what the methods "
      "were "
      "trained to raise\nKL: mean log pi/pi_start over own samples, nats per answer; n. s.: not "
      "significant\nrho: correlation of log pi/pi_start with gold inside prompts, on answers of the start model\n");
}

}  // namespace

int run_online_demo(DemoRun& run) {
  if (!run.prepare()) { return 0; }
  const auto prompts =
      run.task().make_prompts(run.options().feedback_prompts, run.seed(), demo::Split::kFeedback);
  demo::write_rows(run.data_file("prompts"), demo::prompt_rows(prompts, "demo_prompts"));
  train_reward_model(run);
  std::vector<MethodResult> results;
  for (const OnlineDemoMethod& method : online_demo_methods()) {
    if (!run.wanted(method.folder)) { continue; }
    results.push_back(run.train(method_config(run, method), method.name, method.folder));
  }
  check_input(!results.empty(), "--methods names no method of the online demo");
  run.evaluate(results);
  const setup::Rewards rewards = setup::make_rewards({cat("model:", run.out(), "/reward")}, {1});
  add_rewards(run, *rewards.reward, results);
  for (MethodResult& result : results) { add_phases(run, result); }
  if (run.options().curve_points > 0) { add_curves(run, *rewards.reward, results); }
  run.write_results(results);
  print_table(run, results);
  run.print_answers(results);
  return 0;
}

}  // namespace una::study
