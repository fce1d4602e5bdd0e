#include "una/recipe/generate/generated_row.h"

#include <numeric>
#include <vector>

#include "una/core/text_json.h"
#include "una/views/native_row.h"

namespace una::recipe {
namespace {

const char* finish_name(generate::Output::Finish finish) {
  if (finish == generate::Output::Finish::kEos) { return "eos"; }
  return finish == generate::Output::Finish::kStop ? "stop" : "length";
}

double total(const std::vector<float>& logps) { return std::accumulate(logps.begin(), logps.end(), 0.0); }

}  // namespace

bool is_plain(const SamplingParams& sampling) {
  return sampling.temperature == 1 && sampling.top_p == 1 && sampling.top_k == 0 && sampling.min_p == 0 &&
         sampling.repetition_penalty == 1 && sampling.min_new_tokens == 0;
}

Json generated_row(const generate::Output& output, const Example& prompt, bool plain_draws) {
  Json row{{"prompt", text_json(prompt.prompt)}};
  row["completion"] = prompt.prompt.is_chat ? Json::array({{{"role", "assistant"}, {"content", output.text}}})
                                            : Json(output.text);
  views::append_common(row, prompt);
  if (plain_draws) { row["sampled_from"] = "policy"; }
  row["row"] = output.id;
  row["sample"] = output.sample;
  row["finish"] = finish_name(output.finish);
  row["tokens"] = output.ids.size();
  row["logp"] = total(output.logps);
  row["processed_logp"] = total(output.processed_logps);
  return row;
}

}  // namespace una::recipe
