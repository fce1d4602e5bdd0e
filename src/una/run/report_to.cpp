#include "una/run/report_to.h"

#include <algorithm>
#include <cstdlib>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/options.h"
#include "una/objective/methods.h"

namespace una::run {

void check_report_to(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    check_input(name != "trackio",
                "report_to: trackio is not offered; it reads TensorBoard's files, which are written "
                "(trackio.import_tf_events)");
    objective::choose("report_to", name, {"tensorboard", "mlflow", "wandb", "all", "none"});
  }
}

bool reports_to(const std::vector<std::string>& names, const std::string& tracker) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name == tracker || name == "all"; });
}

std::string tracker_project() {
  const char* project = std::getenv("WANDB_PROJECT");
  return project == nullptr || *project == '\0' ? "huggingface" : project;
}

std::map<std::string, std::string> tracker_params(const std::string& run_yaml) {
  std::map<std::string, std::string> out;
  const Settings settings = parse_yaml_settings(run_yaml, "run.yaml");
  for (const auto& [key, value] : settings.all()) {
    out[key] = value.is_list ? join(value.list, ", ") : value.text;
  }
  return out;
}

}  // namespace una::run
