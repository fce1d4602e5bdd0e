#include <algorithm>

#include "una/base/format.h"
#include "una/study/grid/summary.h"

namespace una::study {
namespace {

std::string mean_text(const Json& figure, int digits) {
  if (figure.is_null()) { return "-"; }
  const std::string mean = fixed(figure.at("mean").get<double>(), digits);
  return figure.at("values").size() > 1
             ? cat(mean, " ± ", fixed(figure.at("half_width").get<double>(), digits))
             : mean;
}

std::string interval_text(const Json& figure) {
  if (figure.is_null()) { return "-"; }
  return cat(fixed(figure.at("mean").get<double>(), 3), " (", fixed(figure.at("low").get<double>(), 3),
             " to ", fixed(figure.at("high").get<double>(), 3), ")");
}

std::string law_text(const Json& ratios) {
  if (ratios.empty()) { return "-"; }
  std::vector<double> values = ratios.get<std::vector<double>>();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return cat(fixed(median, 2), " (", fixed(values.front(), 2), " to ", fixed(values.back(), 2), ")");
}

std::string result_row(const Json& arm) {
  return cat("| ", arm.at("title").get<std::string>(), arm.at("control").get<bool>() ? " (control)" : "",
             " | ", mean_text(arm.at("rho"), 3), " | ", mean_text(arm.at("gain"), 3), " | ",
             mean_text(arm.at("kl"), 2), " | ", interval_text(arm.at("gain_at_kl")), " | ",
             mean_text(arm.at("pair_accuracy"), 3), " | ", law_text(arm.at("law")), " |\n");
}

std::string difference_row(const Json& arm) {
  if (!arm.contains("rho_difference")) { return ""; }
  const Json& difference = arm.at("rho_difference");
  return cat("| ", arm.at("title").get<std::string>(), " | ", mean_text(difference, 3), " | ",
             fixed(difference.at("p_holm").get<double>(), 3), " | ",
             difference.at("verdict").get<std::string>(), " | ", interval_text(arm.at("gain_difference")),
             " |\n");
}

std::string stability_row(const Json& arm) {
  return cat("| ", arm.at("title").get<std::string>(), " | ", mean_text(arm.at("loss_variance_relative"), 4),
             " | ", mean_text(arm.at("steps_to_90"), 0), " | ", mean_text(arm.at("log_mean_exp_ratio"), 2),
             " | ", mean_text(arm.at("calibrated_beta"), 3), " | ", mean_text(arm.at("seconds"), 0), " | ",
             mean_text(arm.at("peak_mb"), 0), " |\n");
}

std::string rows_of(const Json& arms, std::string (*row)(const Json&)) {
  std::string out;
  for (const Json& arm : arms) { out += row(arm); }
  return out;
}

}  // namespace

std::string summary_tables(const Json& summary) {
  const std::string kl = significant(summary.at("kl").get<double>(), 3);
  std::string out;
  for (const Json& noise : summary.at("noises")) {
    const Json& arms = noise.at("arms");
    out += cat(
        "\n### ", noise.at("task").get<std::string>(), ", ", noise.at("noise").get<std::string>(), ", ",
        summary.at("seeds").size(), " seeds\n\n| arm | rho | gain | KL | gain at KL ", kl,
        " | pairs right | gain / law |\n|---|---|---|---|---|---|---|\n", rows_of(arms, result_row),
        "\n| against ", summary.at("baseline").get<std::string>(),
        " | rho | p (Holm) | verdict | gain at KL ", kl, " |\n|---|---|---|---|---|\n",
        rows_of(arms, difference_row),
        "\n| arm | loss: variance / range² | steps to 90 % of rho | log mean exp | calibrated beta | seconds | "
        "peak MB |\n|---|---|---|---|---|---|---|\n",
        rows_of(arms, stability_row));
  }
  return out;
}

}  // namespace una::study
