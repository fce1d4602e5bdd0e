// The stages of a training run that work alone: folders, data, evaluation batches, the self-check.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>

#include <ATen/core/Tensor.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/cpus.h"
#include "una/base/rng.h"
#include "una/eval/log_ratio.h"
#include "una/report/progress_bar.h"
#include "una/run/training_run.h"
#include "una/setup/run_folder.h"
#include "una/setup/run_inputs.h"

namespace una::run {
namespace {

// Rows [begin, end) of another data set.
class SliceDataset final : public data::Dataset {
 public:
  SliceDataset(std::shared_ptr<data::Dataset> whole, std::vector<std::int64_t> rows)
      : whole_(std::move(whole)), rows_(std::move(rows)), report_(whole_->report()) {
    report_.lengths.clear();
    for (const std::int64_t row : rows_) {
      for (const Sequence& sequence : whole_->row(row).sequences) {
        ++report_.lengths[std::ssize(sequence.ids)];
      }
    }
  }
  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  Row row(std::int64_t index) const override { return whole_->row(rows_[static_cast<std::size_t>(index)]); }
  const rows::ReadReport& report() const override { return report_; }
  std::string content_hash() const override { return cat(whole_->content_hash(), "/", rows_.size()); }

 private:
  std::shared_ptr<data::Dataset> whole_;
  std::vector<std::int64_t> rows_;
  rows::ReadReport report_;
};

// A bar for reading that takes longer than a moment.
class TokenisingBar {
 public:
  void show(double done) {
    constexpr double kMoment = 1;  // seconds
    if (bar_ == nullptr && done < 1 && monotonic_seconds() - begin_ > kMoment) {
      bar_ = std::make_unique<report::ProgressBar>("tokenising", 1.0);
    }
    if (bar_ != nullptr) { bar_->advance(done - std::exchange(told_, done)); }
  }
  void finish() {
    if (bar_ != nullptr) { bar_->finish(); }
  }

 private:
  double begin_ = monotonic_seconds(), told_ = 0;
  std::unique_ptr<report::ProgressBar> bar_;
};

std::vector<Unit> accepted_units(const objective::Objective& objective) {
  std::vector<Unit> units;
  for (const Unit unit : {Unit::kSft, Unit::kPair, Unit::kBinary, Unit::kScore, Unit::kGroup}) {
    if (objective.accepts(unit)) { units.push_back(unit); }
  }
  return units;
}

// What a method needs beyond the kind of a row, before anything is trained.
void check_rows(const data::Dataset& dataset, const objective::Objective& objective) {
  for (std::int64_t i = 0; objective.needs().columns && i < dataset.size(); ++i) {
    const Row row = dataset.row(i);
    for (const SequenceMeta& sequence : data::table_of(row)) {
      const std::string lacking = objective.lacks(sequence);
      check_input(lacking.empty(), row.where.text(), ": ", lacking);
    }
  }
}

// Keeps whole prompts together, so that no evaluation prompt was trained on.
RunData split_rows(std::unique_ptr<data::Dataset> dataset, double eval_fraction, std::uint64_t seed) {
  std::shared_ptr<data::Dataset> whole = std::move(dataset);
  std::vector<std::int64_t> train_rows, eval_rows;
  for (std::int64_t i = 0; i < whole->size(); ++i) {
    const double draw = uniform01(random_bits(seed, stream_id("eval-split"), whole->row(i).group_id));
    (draw < eval_fraction ? eval_rows : train_rows).push_back(i);
  }
  check_input(!eval_rows.empty() && !train_rows.empty(), "eval_fraction ", eval_fraction, " of ",
              whole->size(), " rows leaves one side empty");
  RunData out;
  out.train = std::make_unique<SliceDataset>(whole, train_rows);
  out.eval = std::make_unique<SliceDataset>(whole, eval_rows);
  return out;
}

bool holds(const std::string& folder, bool (*wanted)(const std::filesystem::path& name)) {
  std::error_code absent;
  const std::filesystem::directory_iterator files(folder, absent);
  return std::any_of(begin(files), end(files),
                     [&](const auto& file) { return wanted(file.path().filename()); });
}

bool is_checkpoint(const std::filesystem::path& name) { return starts_with(name.string(), "checkpoint-"); }
bool is_weights(const std::filesystem::path& name) { return name.extension() == ".safetensors"; }

}  // namespace

OutputFolderRule output_rule(const setup::RunConfig& config) {
  const std::string& resume = config.run.resume_from_checkpoint;
  OutputFolderRule rule;
  rule.overwrite = config.run.overwrite_output_dir;
  rule.goes_on = !resume.empty() && resume != "false";
  if (resume == "auto") {
    // A run that was lost before its first checkpoint is started afresh; a result is not replaced by itself.
    rule.goes_on = holds(config.run.output_dir, is_checkpoint);
    rule.overwrite = rule.overwrite || !holds(config.run.output_dir, is_weights);
  }
  rule.inputs = setup::run_inputs(config);
  rule.has_result = setup::has_run_result;
  rule.marks = {"run.yaml", "metrics.jsonl", "results.json"};
  return rule;
}

void check_output_place(const std::string& path) {
  std::filesystem::path place = absolute_path(path);
  while (!is_folder(place.string()) && place.has_relative_path()) { place = place.parent_path(); }
  try {
    check_writable_folder(place.string());
  } catch (const InputError&) {
    throw InputError(cat(path, ": ", place.string(), " cannot be written to; give another output folder"));
  }
}

std::string checkpoint_to_resume(const setup::RunConfig& config) {
  const std::string& out = config.run.output_dir;
  const std::string& resume = config.run.resume_from_checkpoint;
  if (resume.empty() || resume == "false") { return ""; }
  if (resume != "true" && resume != "auto") { return resume; }
  const std::string latest = train::latest_checkpoint(out);
  if (resume == "auto") { return latest; }
  check_input(!latest.empty(), out, ": no checkpoint to resume from");
  return latest;
}

std::int64_t fitted_max_length(std::int64_t max_length, const ModelSpec& spec) {
  const std::int64_t limit = spec.max_positions == 0 ? max_length : spec.position_limit();
  if (max_length <= limit) { return max_length; }
  check_input(max_length == rows::DataOptions{}.max_length, "max_length ", max_length,
              " is over the model's ", limit, " positions (max_position_embeddings); give --max_length ",
              limit, " or less");
  return limit;
}

void read_rows_of(const char* key, const std::function<void()>& read) {
  try {
    read();
  } catch (const InputError& error) {
    const std::string text = error.what(), general = "--data";
    if (!starts_with(text, general + ":") && !starts_with(text, general + " ")) { throw; }
    throw InputError(cat("--", key, text.substr(general.size())));
  }
}

RunData load_run_data(const setup::RunConfig& config, const setup::TextSetup& text,
                      const objective::Objective& objective, const std::string& dropped_path) {
  const std::vector<Unit> units = accepted_units(objective);
  text::EncoderOptions as_read = text.encoder.options();
  as_read.end_chat_answers = !objective.needs().score;  // reward models read what the template writes
  const text::Encoder encoder(text.encoder.model(), as_read);
  rows::DataOptions reading = config.data;
  TokenisingBar bar;
  reading.progress = [&bar](double done) { bar.show(done); };
  auto dataset = data::load_dataset(reading, encoder, units, dropped_path);
  bar.finish();
  log_info(dataset->report().text(config.data.max_length));
  check_input(dataset->size() > 0, "no rows are left to train on");
  check_rows(*dataset, objective);
  if (config.run.eval_fraction > 0) {
    RunData out = split_rows(std::move(dataset), config.run.eval_fraction, config.order_seed());
    log_info(cat("evaluation ", out.eval->size(), " rows kept apart, ", out.train->size(), " to train on"));
    return out;
  }
  RunData out;
  out.train = std::move(dataset);
  if (std::optional<rows::DataOptions> options = setup::eval_options(config)) {
    options->score_fits = out.train->report().score_fits;
    read_rows_of("eval_data", [&] { out.eval = data::load_dataset(*options, encoder, units, ""); });
    check_rows(*out.eval, objective);
    log_info(cat("evaluation rows\n", out.eval->report().text(options->max_length)));
  }
  return out;
}

std::vector<StepBatch> make_eval_batches(const data::Dataset& dataset, const setup::RunConfig& config,
                                         bool with_kl_rows) {
  data::StepStream stream(dataset, config.train.per_device_eval_batch_size, 0, false, pack_options(config),
                          with_kl_rows);
  std::vector<StepBatch> batches;
  for (std::int64_t i = 0; i < stream.steps_per_epoch(); ++i) { batches.push_back(stream.next()); }
  return batches;
}

data::PackOptions pack_options(const setup::RunConfig& config) {
  const bool dropout = !config.train.disable_dropout && config.model.lora_dropout > 0;
  if (dropout && config.train.prefix_sharing) {
    log_info(
        "prompt sharing is off: with LoRA dropout a shared prompt would see one mask for all its answers");
  }
  return {.token_budget = config.train.max_tokens_per_micro_batch,
          .prefix_sharing = config.train.prefix_sharing && !dropout,
          .kl_max_length = config.data.max_length};
}

train::StepOptions step_options(const setup::RunConfig& config) {
  const auto& t = config.train;
  return {.max_grad_norm = t.max_grad_norm,
          .adam_beta1 = t.adam_beta1,
          .adam_beta2 = t.adam_beta2,
          .adam_epsilon = t.adam_epsilon,
          .weight_decay = t.weight_decay,
          .gradient_checkpointing = t.gradient_checkpointing,
          .dropout = !t.disable_dropout,
          .seed = static_cast<std::uint64_t>(t.seed),
          .critic_rate = config.online.critic_learning_rate > 0 && t.learning_rate > 0
                             ? config.online.critic_learning_rate / t.learning_rate
                             : 1,
          .value_warmup_steps = config.online.value_warmup_steps,
          .output_router_logits = t.output_router_logits,
          .router_aux_loss_coef = t.router_aux_loss_coef};
}

std::string step0_self_check(train::StepRunner& runner, const StepBatch& batch) {
  const train::TrainableSet& set = runner.set();
  double worst = 0;
  std::string worst_row;
  const StepBatch probe{.micro_batches = {batch.micro_batches.front()},
                        .kl = batch.kl};  // one micro-batch is enough
  const PackedBatch& micro = probe.micro_batches.front();
  const std::vector<eval::AnswerLogp> answers = eval::answer_logps(
      eval::token_logps({set.model, set.policy}, micro), set.reference->logps(micro).to(at::kDouble), micro);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const double delta = std::abs(answers[i].ratio);
    if (delta < worst) { continue; }  // never true of a NaN
    worst = delta;
    worst_row = micro.rows[static_cast<std::size_t>(micro.sequences[i].row)].text();
    if (!std::isfinite(delta)) { break; }
  }
  const bool bf16 = set.model->dtype() == at::kBFloat16;
  const double limit = bf16 ? 2.0 : 0.01;
  check_input(worst <= limit && std::isfinite(worst),
              "self-check: at step 0 policy and reference must give the same log-probs, but on ", worst_row,
              " they differ by ", significant(worst, 3), " nats; the reference is ",
              set.reference->description(), " (a stale reference cache? try --reference_cache_dir none)");
  const double expected = set.objective->loss_at_reference(probe.micro_batches.front().sequences);
  std::string loss_text;
  const std::map<std::string, double> means =
      std::isfinite(expected) ? runner.evaluate(probe).means() : std::map<std::string, double>{};
  // A micro-batch may hold nothing that the loss learns from: prompts whose thumbs are all alike.
  if (const auto found = means.find("loss"); found != means.end()) {
    const double loss = found->second;
    check_input(std::abs(loss - expected) <= (bf16 ? 0.05 : 1e-3) * std::max(1.0, std::abs(expected)),
                "self-check: at step 0 the loss must be ", fixed(expected, 6), ", but it is ",
                fixed(loss, 6));
    loss_text = cat(", loss ", fixed(loss, 6), " as expected");
  }
  return cat("self-check policy = reference at step 0: largest log-ratio ", significant(worst, 2), " nats",
             loss_text);
}

}  // namespace una::run
