#include "una/run/run_accounts.h"

#include <exception>

#include <ATen/Parallel.h>

#include "una/base/clock.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/kernels/devices.h"
#include "una/report/html_report.h"
#include "una/setup/methods.h"

namespace una::run {
namespace {

void write_summary(const EndedRun& run) {
  const train::LoopResult& result = run.result;
  Json summary{{"method", run.config.method},
               {"steps", result.steps},
               {"tokens", result.tokens},
               {"seconds", result.seconds},
               {"train_loss", result.train_loss},
               {"peak_memory_mb", static_cast<double>(peak_memory_bytes()) / 1048576},
               {"planned_memory_mb", run.plan.peak_bytes() / 1048576},
               {"threads", at::get_num_threads()},
               {"una", UNA_VERSION},
               {"finished", utc_timestamp(unix_seconds())}};
  if (!run.model.model->device().is_cpu()) {
    const auto peak = static_cast<double>(kernels::device_memory(run.model.model->device()).peak);
    summary["peak_device_memory_mb"] = peak / 1048576;
  }
  if (const train::Reference* reference = run.model.reference.get()) {
    summary["reference"] = Json{{"description", reference->description()},
                                {"content_hash", reference->content_hash()},
                                {"sequences_from_cache", reference->cached_sequences()},
                                {"sequences_computed", reference->computed_sequences()},
                                {"seconds", reference->seconds()}};
  }
  if (result.stopped_early) { summary["stopped_early"] = true; }
  if (result.has_best) { summary["best"] = Json{{"step", result.best_step}, {"metric", result.best_metric}}; }
  write_file(run.config.run.output_dir + "/summary.json", print_json(summary));
}

std::string write_health(const EndedRun& run) {
  const std::string& out = run.config.run.output_dir;
  std::string health = report::health_text(read_file(out + "/metrics.jsonl"), run.config.method);
  health += report::cut_rows_text(run.read.rows_truncated, run.read.rows_kept);
  write_file(out + "/health.txt", health);
  return health;
}

// ", NAME VALUE" of the last log row; "" where it has no such value.
std::string last_value(const train::LoopResult& result, const char* key, const char* name) {
  const auto found = result.last_train.find(key);
  return found == result.last_train.end() ? "" : cat(", ", name, " ", significant(found->second, 4));
}

}  // namespace

RunAccounts write_accounts(const EndedRun& run) {
  const std::string& out = run.config.run.output_dir;
  RunAccounts accounts;
  const auto try_to_write = [&](const char* file, const auto& write) {
    try {
      write();
    } catch (const std::exception& error) {
      log_warning(cat("could not write ", out, "/", file, " (", error.what(), "); what was trained is safe"));
    }
  };
  try_to_write("health.txt", [&] { accounts.health = write_health(run); });
  try_to_write("summary.json", [&] { write_summary(run); });
  if (run.result.steps > 0) {
    try_to_write("report.html", [&] {
      report::write_html_report(out);
      accounts.has_report = true;
    });
  }
  return accounts;
}

std::string totals_text(const EndedRun& run) {
  const train::LoopResult& result = run.result;
  const std::string learnt =
      setup::is_online(run.config.method)
          ? last_value(result, "reward", "last reward") + last_value(result, "kl", "last KL")
          : ", mean loss " + fixed(result.train_loss, 4);
  return cat(result.steps, " steps, ", thousands(result.tokens), " tokens in ", human_seconds(result.seconds),
             learnt, ", peak memory ", human_bytes(static_cast<double>(peak_memory_bytes())), " (planned ",
             human_bytes(run.plan.peak_bytes()), ")");
}

std::string result_text(const setup::RunConfig& config, const RunAccounts& accounts) {
  const std::string& out = config.run.output_dir;
  return cat(out, config.model.use_peft ? " (adapter)" : " (model)",
             accounts.has_report ? cat(", report: ", out, "/report.html") : std::string());
}

}  // namespace una::run
