#include "una/study/grid/cell_run.h"

#include <algorithm>
#include <filesystem>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/demo/noise.h"
#include "una/eval/efficiency.h"
#include "una/eval/stability.h"
#include "una/setup/model_setup.h"
#include "una/study/demo_evaluation.h"
#include "una/study/demo_run.h"
#include "una/study/grid/arms.h"
#include "una/study/grid/seed_data.h"
#include "una/text/tokenizer.h"
#include "una/train/checkpoint.h"
#include "una/weights/peft_adapter.h"

namespace una::study {
namespace {

constexpr int kBins = 5;  // of the reliability curve

class CellRun {
 public:
  CellRun(const StudyOptions& options, const Cell& cell)
      : options_(options),
        cell_(cell),
        arm_(find_arm(cell.arm)),
        seed_(read_seed(options, {cell.task, cell.seed})),
        folder_(cat(options.output_dir, "/cells/", cell.id)),
        run_(folder_ + "/run") {}
  ~CellRun() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  CellRun(const CellRun&) = delete;
  CellRun& operator=(const CellRun&) = delete;

  Json run() {
    train();
    measure();
    return out_;
  }

 private:
  std::uint64_t key() const { return static_cast<std::uint64_t>(cell_.seed); }

  void train() {
    std::filesystem::remove_all(folder_);
    make_folder(folder_ + "/data");
    const std::vector<Example> rows = arm_rows(
        arm_, demo::judge(*seed_.task, seed_.prompts, seed_.answers, key(), demo::find_noise(cell_.noise)),
        key());
    demo::write_rows(folder_ + "/data/rows.jsonl", rows);
    DemoOptions options;
    options.output_dir = folder_;
    options.task = cell_.task;
    options.seed = cell_.seed;
    options.threads = options_.threads;
    const DemoRun demo(options);
    const ChildResult result = demo.child(config_for(demo.base_config(arm_.method, "run"), rows));
    out_ = Json{
        {"id", cell_.id}, {"settings", cell_.settings}, {"una", UNA_VERSION}, {"seconds", result.seconds}};
    out_["peak_mb"] = read_json_file(run_ + "/summary.json").at("peak_memory_mb");
    add_loss_noise();
  }

  setup::RunConfig config_for(setup::RunConfig config, const std::vector<Example>& rows) const {
    arm_.keys(config);
    config.model.model_name_or_path = seed_.folder + "/start";
    config.data.dataset_name = {folder_ + "/data/rows.jsonl"};
    const std::int64_t units = arm_units(arm_, rows);
    config.train.per_device_train_batch_size =
        std::max<std::int64_t>(1, (units + options_.steps - 1) / options_.steps);
    config.train.max_steps = options_.steps;
    config.train.learning_rate = cell_.learning_rate;
    config.train.logging_steps = 1;
    config.objective.beta = cell_.beta;
    config.run.reference_cache_dir = "none";
    if (arm_.method == "kto") { balance(config, rows); }
    if (options_.curve_points > 0) {
      config.train.save_strategy = "steps";
      config.train.save_steps = std::max<std::int64_t>(1, options_.steps / options_.curve_points);
      config.train.save_total_limit = 0;
      config.train.save_only_model = true;
    }
    return config;
  }

  // The rarer label weighs as much as the other in sum, as KTO's authors advise.
  static void balance(setup::RunConfig& config, const std::vector<Example>& rows) {
    const auto ups = static_cast<double>(std::count_if(
        rows.begin(), rows.end(), [](const Example& row) { return row.responses[0].label.value_or(false); }));
    const double downs = static_cast<double>(rows.size()) - ups;
    if (ups > 0 && ups < downs) { config.objective.desirable_weight = downs / ups; }
    if (downs > 0 && downs < ups) { config.objective.undesirable_weight = ups / downs; }
  }

  void add_loss_noise() {
    std::vector<double> losses;
    for (const std::string& line : split(read_file(run_ + "/metrics.jsonl"), '\n')) {
      if (line.empty()) { continue; }
      const Json row = parse_json(line, run_ + "/metrics.jsonl");
      if (row.contains("loss") && row["loss"].is_number()) { losses.push_back(row["loss"].get<double>()); }
    }
    const eval::LossNoise noise = eval::loss_noise(losses);
    out_["loss_variance"] = noise.variance;
    out_["loss_variance_relative"] = noise.relative;
  }

  eval::PolicyUse policy(model::Model& model, const std::string& folder, double scale) const {
    return {&model, model.load_adapter(setup::scaled_adapter(weights::read_adapter_config(folder), scale),
                                       weights::read_adapter_weights(folder), false, folder)};
  }

  std::vector<eval::JudgedAnswer> judged_by(const eval::PolicyUse& policy) const {
    const std::vector<double> logps = eval::sampled_logps(policy, seed_.judged);
    std::vector<eval::JudgedAnswer> out;
    for (std::size_t i = 0; i < logps.size(); ++i) {
      out.push_back({.prompt = static_cast<std::int64_t>(i) / DemoSizes{}.judged_per_prompt,
                     .log_ratio = logps[i] - seed_.judged_logps[i],
                     .gold = seed_.judged_gold[i]});
    }
    return out;
  }

  void measure() {
    setup::ModelSetup setup = setup::load_for_inference(seed_.folder + "/start", "", {.dtype = "float32"});
    add_efficiency(judged_by(policy(*setup.model, run_, 1)));
    Json curve = Json::array();
    for (const std::int64_t step : train::checkpoint_steps(run_)) {
      const auto judged = judged_by(policy(*setup.model, cat(run_, "/checkpoint-", step), 1));
      curve.push_back(Json::array({step, eval::measure_efficiency(judged, key(), 1).rho.mean}));
    }
    out_["curve"] = std::move(curve);
    const text::Tokenizer tokenizer = text::load_tokenizer(seed_.folder + "/start");
    out_["frontier"] = Json::array();
    for (const std::string& text : options_.adapter_scales) {
      const double scale = number_of("adapter_scales", text);
      out_["frontier"].push_back(
          member(policy(*setup.model, run_, scale), {setup.model.get()}, tokenizer, scale));
    }
  }

  void add_efficiency(const std::vector<eval::JudgedAnswer>& judged) {
    const eval::Efficiency e = eval::measure_efficiency(judged, key());
    out_["rho"] = e.rho.mean;
    out_["rho_ci95"] = {e.rho.low, e.rho.high};
    out_["gold_sd"] = e.gold_sd;
    out_["log_mean_exp_ratio"] = e.log_mean_exp;
    out_["calibrated_beta"] = e.calibrated_beta;
    out_["pair_accuracy"] = e.pair_accuracy.mean;
    Json bins = Json::array();
    for (const eval::ReliabilityBin& bin : eval::reliability(judged, cell_.beta, kBins)) {
      bins.push_back(Json::array({bin.reward, bin.gold}));
    }
    out_["reliability"] = std::move(bins);
  }

  // What the held-out prompts say of one policy of the family.
  Json member(const eval::PolicyUse& policy, const eval::PolicyUse& start, const text::Tokenizer& tokenizer,
              double scale) const {
    const int each = DemoSizes{}.samples_per_held_out;
    const ScoredSamples after =
        sample_demo(policy, tokenizer, *seed_.task, seed_.held_out, {.per_prompt = each, .seed = key() + 1});
    std::vector<double> gains = after.gold, ratios = eval::sampled_logps(policy, after.answers);
    const std::vector<double> logps = eval::sampled_logps(start, after.answers);
    for (std::size_t i = 0; i < gains.size(); ++i) {
      gains[i] -= seed_.gold_before[i];
      ratios[i] -= logps[i];
    }
    gains = eval::prompt_means(gains, each);
    ratios = eval::prompt_means(ratios, each);
    const auto n = static_cast<double>(gains.size());
    double gain = 0, kl = 0;
    for (std::size_t i = 0; i < gains.size(); ++i) {
      gain += gains[i] / n;
      kl += ratios[i] / n;
    }
    return {{"scale", scale}, {"kl", kl}, {"gain", gain}, {"gains", gains}, {"log_ratios", ratios}};
  }

  const StudyOptions& options_;
  const Cell& cell_;
  const StudyArm& arm_;
  SeedData seed_;
  std::string folder_, run_;
  Json out_;
};

}  // namespace

Json run_cell(const StudyOptions& options, const Cell& cell) { return CellRun(options, cell).run(); }

}  // namespace una::study
