#include "una/run/evaluation_samples.h"

#include "una/base/files/append_file.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/run/prompts.h"

namespace una::run {
namespace {

const char* finish_name(generate::Output::Finish finish) {
  if (finish == generate::Output::Finish::kEos) { return "eos"; }
  return finish == generate::Output::Finish::kStop ? "stop" : "length";
}

// A torn line, or one of a step that is to come again.
bool stays(const std::string& line, std::int64_t last_step) {
  const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return row.is_object() && row.contains("step") && row["step"].is_number_integer() &&
         row["step"].get<std::int64_t>() <= last_step;
}

}  // namespace

EvaluationSamples::EvaluationSamples(std::string path, std::int64_t last_step) : path_(std::move(path)) {
  std::string kept;
  if (last_step >= 0 && is_file(path_)) {
    for (const std::string& line : split(read_file(path_), '\n')) {
      if (stays(line, last_step)) { kept += line + "\n"; }
    }
  }
  write_file(path_, kept);
}

void EvaluationSamples::add(std::int64_t step, const std::vector<rollout::Group>& groups) {
  std::string lines;
  for (const rollout::Group& group : groups) {
    for (const rollout::Answer& answer : group.answers) {
      lines += json_line({{"step", step},
                          {"row", group.index},
                          {"prompt", shown_prompt(group.prompt->example.prompt)},
                          {"answer", answer.text},
                          {"score", answer.scored ? Json(answer.reward) : Json(nullptr)},
                          {"tokens", answer.sequence.loss_tokens()},
                          {"finish", finish_name(answer.finish)}});
    }
  }
  AppendFile(path_).append(lines);
}

}  // namespace una::run
