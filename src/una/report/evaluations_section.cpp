// What the policy answered at each evaluation, side by side.
#include <algorithm>
#include <map>

#include "una/base/format.h"
#include "una/report/html_text.h"
#include "una/report/sections.h"

namespace una::report {
namespace {

constexpr std::size_t kMostPrompts = 12, kMostSteps = 6;

using AnswersOfStep = std::map<std::int64_t, const Json*>;  // by the prompt's row

bool is_row(const Json& sample) {
  return sample.contains("step") && sample["step"].is_number_integer() && sample.contains("row") &&
         sample["row"].is_number_integer();
}

// The first answer to each prompt, by step.
std::map<std::int64_t, AnswersOfStep> by_step(const std::vector<Json>& samples) {
  std::map<std::int64_t, AnswersOfStep> steps;
  for (const Json& sample : samples) {
    if (is_row(sample)) {
      steps[sample["step"].get<std::int64_t>()].emplace(sample["row"].get<std::int64_t>(), &sample);
    }
  }
  return steps;
}

// All steps where they are few, else the first, the last and some between at equal distances.
std::vector<std::int64_t> shown_steps(const std::map<std::int64_t, AnswersOfStep>& steps) {
  std::vector<std::int64_t> all, shown;
  for (const auto& [step, answers] : steps) { all.push_back(step); }
  if (all.size() <= kMostSteps) { return all; }
  for (std::size_t i = 0; i < kMostSteps; ++i) {
    shown.push_back(all[i * (all.size() - 1) / (kMostSteps - 1)]);
  }
  return shown;
}

std::string answer_cell(std::int64_t step, const AnswersOfStep& answers, std::int64_t row) {
  const auto found = answers.find(row);
  if (found == answers.end()) { return "<td></td>"; }
  const Json& sample = *found->second;
  const Json score = sample.value("score", Json());
  return cat("<td data-name=\"step ", step, "\"><div class=\"text\">",
             escaped(display_text(sample.value("answer", Json()))), "</div>",
             score.is_number() ? cat("<div class=\"muted\">score ", escaped(display_text(score)), "</div>")
                               : std::string(),
             "</td>");
}

}  // namespace

std::string evaluations_section(const RunFolder& run) {
  const std::map<std::int64_t, AnswersOfStep> steps = by_step(run.evaluations);
  if (steps.empty()) { return ""; }
  const std::vector<std::int64_t> shown = shown_steps(steps);
  std::string html = "<div class=\"scroll\"><table class=\"samples\"><tr><th>prompt</th>";
  for (const std::int64_t step : shown) { html += cat("<th>step ", step, "</th>"); }
  html += "</tr>\n";
  const AnswersOfStep& first = steps.begin()->second;
  std::size_t prompts = 0;
  for (const auto& [row, sample] : first) {
    if (prompts++ == kMostPrompts) { break; }
    html += cat("<tr><td data-name=\"prompt\"><div class=\"text\">",
                escaped(display_text(sample->value("prompt", Json()))), "</div></td>");
    for (const std::int64_t step : shown) { html += answer_cell(step, steps.at(step), row); }
    html += "</tr>\n";
  }
  html += "</table></div>";
  if (shown.size() < steps.size() || first.size() > kMostPrompts) {
    html += cat("<p class=\"muted\">", shown.size(), " of ", steps.size(), " evaluations, ",
                std::min(kMostPrompts, first.size()), " of ", first.size(),
                " prompts; all are in eval_samples.jsonl.</p>");
  }
  return titled_card("Held-out answers at each evaluation", html);
}

}  // namespace una::report
