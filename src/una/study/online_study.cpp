#include "una/study/online_study.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/process.h"
#include "una/eval/curves.h"
#include "una/run/training_run.h"
#include "una/study/demo_methods.h"
#include "una/study/gradient_noise.h"

namespace una::study {
namespace {

// The online demo of one seed.
struct SeedRun {
  std::string seed, folder;
  Json methods;  // of its results.json
};

SeedRun run_seed(const OnlineStudyOptions& options, const std::string& seed) {
  SeedRun run{.seed = seed, .folder = cat(options.output_dir, "/seed-", seed), .methods = {}};
  if (!is_file(run.folder + "/results.json")) {
    std::vector<std::string> arguments = {"demo",
                                          "--online",
                                          "true",
                                          "--output_dir",
                                          run.folder,
                                          "--overwrite_output_dir",  // one that was killed starts again
                                          "true",
                                          "--seed",
                                          seed,
                                          "--steps",
                                          std::to_string(options.steps),
                                          "--curve_points",
                                          std::to_string(options.curve_points),
                                          "--threads",
                                          std::to_string(options.threads)};
    if (!options.methods.empty()) {
      arguments.push_back("--methods");
      arguments.push_back(join(options.methods, ","));
    }
    const ChildResult result = run_self(arguments, {});
    check_child(result, "the demo of seed " + seed, "; run the command again to go on");
  }
  run.methods = read_json_file(run.folder + "/results.json").at("methods");
  return run;
}

// One method over all seeds.
struct MethodRuns {
  std::string name, folder;
  std::vector<Json> results;
  std::vector<double> values(const std::string& key) const {
    std::vector<double> out;
    for (const Json& result : results) { out.push_back(result.at(key).get<double>()); }
    return out;
  }
  // Seed by seed: seeds have other start models and reward models, so that levels differ more than gains.
  std::vector<double> gains(const std::string& before, const std::string& after) const {
    std::vector<double> out = values(after);
    const std::vector<double> start = values(before);
    for (std::size_t i = 0; i < out.size(); ++i) { out[i] -= start[i]; }
    return out;
  }
};

std::vector<MethodRuns> by_method(const std::vector<SeedRun>& runs) {
  std::vector<MethodRuns> out;
  for (const Json& first : runs.front().methods) {
    MethodRuns entry{.name = first.at("name"), .folder = first.at("folder"), .results = {}};
    for (const SeedRun& run : runs) {
      for (const Json& method : run.methods) {
        if (method.at("folder") == entry.folder) { entry.results.push_back(method); }
      }
    }
    check_input(entry.results.size() == runs.size(), entry.name,
                " was not run with every seed: remove the seeds' folders or give the same --methods");
    out.push_back(std::move(entry));
  }
  return out;
}

std::string text_of(const std::vector<double>& values, int digits) {
  const eval::SeedMean mean = eval::mean_over_seeds(values);
  return cat(fixed(mean.mean, digits), values.size() > 1 ? cat(" ± ", fixed(mean.half_width, digits)) : "");
}

void print_ends(const std::vector<MethodRuns>& methods) {
  std::printf(
      "\n| method | gold before | gold after | gain | reward model before | after | gain | KL | seconds | "
      "peak MB |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n");
  for (const MethodRuns& method : methods) {
    std::printf(
        "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", method.name.c_str(),
        text_of(method.values("gold_before"), 3).c_str(), text_of(method.values("gold_after"), 3).c_str(),
        text_of(method.gains("gold_before", "gold_after"), 3).c_str(),
        text_of(method.values("reward_before"), 2).c_str(), text_of(method.values("reward_after"), 2).c_str(),
        text_of(method.gains("reward_before", "reward_after"), 2).c_str(),
        text_of(method.values("kl"), 2).c_str(), text_of(method.values("seconds"), 0).c_str(),
        text_of(method.values("peak_mb"), 0).c_str());
  }
}

// Each method's curve of one figure, one curve per seed.
std::vector<eval::Curve> curves_of(const MethodRuns& method, const std::string& key) {
  std::vector<eval::Curve> curves;
  for (const Json& result : method.results) {
    eval::Curve curve{{0, result.at(key + "_before").get<double>()}};
    for (const Json& point : result.value("curve", Json::array())) {
      curve.push_back({point.at("kl").get<double>(), point.at(key).get<double>()});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

Json print_at_equal_kl(const std::vector<MethodRuns>& methods, const std::string& key) {
  static const std::vector<double> kLevels = {0.25, 0.5, 1, 1.5, 2, 3};
  Json out = Json::array();
  std::printf(
      "\n%s at equal KL to the start (nats per answer; - : not every seed got that far)\n\n| method |",
      key == "gold" ? "Gold score" : "Reward model's score");
  for (const double level : kLevels) { std::printf(" %s |", significant(level, 3).c_str()); }
  std::printf("\n|---|");
  for (std::size_t i = 0; i < kLevels.size(); ++i) { std::printf("---|"); }
  std::printf("\n");
  for (const MethodRuns& method : methods) {
    const std::vector<eval::Curve> curves = curves_of(method, key);
    std::printf("| %s |", method.name.c_str());
    for (const double level : kLevels) {
      std::vector<double> values;
      for (const eval::Curve& curve : curves) {
        if (const std::optional<double> value = eval::value_at(curve, level)) { values.push_back(*value); }
      }
      const bool whole = values.size() == curves.size();
      std::printf(" %s |", whole ? text_of(values, 3).c_str() : "-");
      if (whole) {
        out.push_back(Json{{"method", method.name}, {"figure", key}, {"kl", level}, {"values", values}});
      }
    }
    std::printf("\n");
  }
  return out;
}

// At the policy that RLOO (or the first method) of the first seed came to, against the start: the samples'
// log-ratios are not zero there.
Json print_noise(const OnlineStudyOptions& options, const SeedRun& run,
                 const std::vector<MethodRuns>& methods) {
  const bool has_rloo =
      std::any_of(methods.begin(), methods.end(), [](const MethodRuns& m) { return m.folder == "rloo"; });
  const std::string policy = cat(run.folder, "/", has_rloo ? "rloo" : methods.front().folder);
  make_folder(options.output_dir + "/noise");
  std::vector<GradientNoise> all;
  for (const OnlineDemoMethod& method : online_demo_methods()) {
    if (std::none_of(methods.begin(), methods.end(),
                     [&](const auto& m) { return m.folder == method.folder; })) {
      continue;
    }
    const std::string config = cat(run.folder, "/data/", method.folder, ".yaml");
    all.push_back(gradient_noise(
        setup::read_run_config({"--config", config, "--adapter", policy, "--ref_model", run.folder + "/start",
                                "--num_iterations", "1", "--output_dir", options.output_dir + "/noise"},
                               method.method),
        options.draws, method.name));
  }
  Json out = Json::array();
  std::printf(
      "\nNoise of one round's gradient at one policy (%s), %lld rounds\n\n| method | noise / signal | cosine "
      "of "
      "the mean with %s |\n|---|---|---|\n",
      policy.c_str(), static_cast<long long>(options.draws), all.front().name.c_str());
  for (const GradientNoise& noise : all) {
    const double alike = cosine(noise, all.front());
    std::printf("| %s | %s | %s |\n", noise.name.c_str(), significant(noise.relative(), 3).c_str(),
                fixed(alike, 3).c_str());
    out.push_back(Json{{"method", noise.name}, {"relative", noise.relative()}, {"cosine", alike}});
  }
  return out;
}

// Goes on with a study that is there; another folder with files is refused.
OutputFolderRule output_rule(const OnlineStudyOptions& options) {
  OutputFolderRule rule;
  rule.goes_on = is_file(options.output_dir + "/online.json") ||
                 is_folder(cat(options.output_dir, "/seed-", options.seeds.front()));
  rule.marks = {"online.json"};
  rule.work = "study";
  return rule;
}

}  // namespace

int run_online_study(const OnlineStudyOptions& options) {
  check_input(!options.seeds.empty(), "bench online: one seed at least");
  check_input(options.curve_points >= 0 && options.draws >= 0,
              "bench online: curve_points and draws must not be negative");
  OutputFolder output(options.output_dir, output_rule(options));
  std::vector<SeedRun> runs;
  for (const std::string& seed : options.seeds) { runs.push_back(run_seed(options, seed)); }
  const std::vector<MethodRuns> methods = by_method(runs);
  Json out{{"seeds", options.seeds}};
  print_ends(methods);
  if (options.curve_points > 0) {
    out["gold_at_kl"] = print_at_equal_kl(methods, "gold");
    out["reward_at_kl"] = print_at_equal_kl(methods, "reward");
  }
  if (options.draws > 0) { out["noise"] = print_noise(options, runs.front(), methods); }
  std::printf("\n± is half of a 95 %% interval over %zu seeds (Student's t)\n", runs.size());
  write_file(options.output_dir + "/online.json", out.dump(2) + "\n");
  output.keep();
  return 0;
}

}  // namespace una::study
