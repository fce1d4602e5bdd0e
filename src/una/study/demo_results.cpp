#include <algorithm>
#include <cstdio>

#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/report/html_report.h"
#include "una/setup/model_setup.h"
#include "una/study/demo_run.h"
#include "una/text/tokenizer.h"
#include "una/weights/peft_adapter.h"

namespace una::study {

void DemoRun::evaluate(std::vector<MethodResult>& results) const {
  setup::ModelSetup setup = setup::load_for_inference(out_ + "/start", "", {.dtype = "float32"});
  const text::Tokenizer tokenizer = text::load_tokenizer(out_ + "/start");
  const std::vector<double> before = eval::prompt_means(before_.gold, sizes_.samples_per_held_out);
  for (MethodResult& result : results) {
    const std::string folder = out_ + "/" + result.folder;
    const model::AdapterId adapter = setup.model->load_adapter(
        weights::read_adapter_config(folder), weights::read_adapter_weights(folder), false, folder);
    const eval::PolicyUse policy{setup.model.get(), adapter};
    result.sampled = sample_demo(policy, tokenizer, task(), held_out_, held_out_size());
    const std::vector<double> after = eval::prompt_means(result.sampled.gold, sizes_.samples_per_held_out);
    result.gain = eval::paired_gain(before, after, seed());
    result.win = eval::win_rate(before, after, seed());
    result.gold_before = eval::mean_interval(before, seed()).mean;
    result.gold_after = eval::mean_interval(after, seed()).mean;
    result.kl = eval::sampled_kl(policy, result.sampled.answers);
    result.efficiency = efficiency_of(policy);
  }
}

eval::Efficiency DemoRun::efficiency_of(const eval::PolicyUse& policy) const {
  const std::vector<double> logps = eval::sampled_logps(policy, judged_.answers);
  std::vector<eval::JudgedAnswer> answers;
  for (std::size_t i = 0; i < logps.size(); ++i) {
    answers.push_back({.prompt = static_cast<std::int64_t>(i) / sizes_.judged_per_prompt,
                       .log_ratio = logps[i] - judged_logps_[i],
                       .gold = judged_.gold[i]});
  }
  return eval::measure_efficiency(answers, seed());
}

void DemoRun::print_answers(const std::vector<MethodResult>& results) const {
  const MethodResult& best =
      *std::max_element(results.begin(), results.end(),
                        [](const auto& a, const auto& b) { return a.gold_after < b.gold_after; });
  std::printf("\nanswers before and after (%s):\n", best.name.c_str());
  const auto step = static_cast<std::size_t>(sizes_.samples_per_held_out);
  for (std::size_t i = 0; i < std::min<std::size_t>(4, held_out_.size()); ++i) {
    std::printf("  %s\n    before %.2f  %s\n    after  %.2f  %s\n", held_out_[i].c_str(),
                before_.gold[i * step], before_.answers.texts[i * step].c_str(), best.sampled.gold[i * step],
                best.sampled.answers.texts[i * step].c_str());
  }
}

void DemoRun::write_results(const std::vector<MethodResult>& results) const {
  Json methods = Json::array();
  for (const MethodResult& r : results) {
    Json method{{"name", r.name},
                {"folder", r.folder},
                {"gold_before", r.gold_before},
                {"gold_after", r.gold_after},
                {"gain_ci95", {r.gain.low, r.gain.high}},
                {"win_rate", r.win.mean},
                {"win_rate_ci95", {r.win.low, r.win.high}},
                {"kl", r.kl},
                {"rho", r.efficiency.rho.mean},
                {"rho_ci95", {r.efficiency.rho.low, r.efficiency.rho.high}},
                {"gain_by_law", r.efficiency.gain_at(std::max(0.0, r.kl))},
                {"log_mean_exp_ratio", r.efficiency.log_mean_exp},
                {"calibrated_beta", r.efficiency.calibrated_beta},
                {"pair_accuracy", r.efficiency.pair_accuracy.mean},
                {"pair_accuracy_ci95", {r.efficiency.pair_accuracy.low, r.efficiency.pair_accuracy.high}},
                {"seconds", r.seconds},
                {"peak_mb", r.peak_mb}};
    for (const auto& [key, value] : r.more.items()) { method[key] = value; }
    methods.push_back(std::move(method));
  }
  std::string samples;
  const auto step = static_cast<std::size_t>(sizes_.samples_per_held_out);
  for (std::size_t i = 0; i < std::min<std::size_t>(20, held_out_.size()); ++i) {
    Json row{{"prompt", held_out_[i]},
             {"before", before_.answers.texts[i * step]},
             {"gold_before", before_.gold[i * step]}};
    for (const MethodResult& r : results) {
      row[r.name] = r.sampled.answers.texts[i * step];
      row["gold " + r.name] = r.sampled.gold[i * step];
    }
    samples += json_line(row);
  }
  write_file(out_ + "/samples.jsonl", samples);
  write_file(out_ + "/results.json", Json{{"seed", options_.seed}, {"methods", methods}}.dump(2) + "\n");
  report::write_html_report(out_);
  output_->keep();
}

}  // namespace una::study
