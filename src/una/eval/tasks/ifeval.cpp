#include "una/eval/tasks/ifeval.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/eval/ifeval/instructions.h"

namespace una::eval {
namespace {

// The checkers of every row, made once: a bad row is found before the model answers anything.
class IfevalScorer final : public TextScorer {
 public:
  IfevalScorer(const std::vector<Subtask>& subtasks, const std::string& punkt_folder) {
    if (!punkt_folder.empty()) { punkt_ = std::make_unique<ifeval::Punkt>(punkt_folder); }
    for (const Subtask& subtask : subtasks) {
      for (const Item& item : subtask.items) { add(item); }
    }
  }

  std::vector<MetricPart> score(const Item& item, const std::string& answer) const override {
    const ifeval::Verdicts verdicts = ifeval::check_answer(checkers_.at(item.number), answer);
    const auto parts = [](const std::vector<bool>& followed, const char* level,
                          std::vector<MetricPart>& out) {
      const auto passed = static_cast<double>(std::count(followed.begin(), followed.end(), true));
      const auto all = static_cast<double>(followed.size());
      out.push_back({cat("prompt_level_", level, "_acc"), passed == all ? 1.0 : 0.0, 1});
      out.push_back({cat("inst_level_", level, "_acc"), passed, all});
    };
    std::vector<MetricPart> out;
    parts(verdicts.strict, "strict", out);
    parts(verdicts.loose, "loose", out);
    return out;
  }

  std::string remark() const override {
    if (punkt_ != nullptr || unsure_.empty()) { return ""; }
    return cat("ifeval: NLTK's punkt_tab is not on this machine, so ", unsure_.size(),
               " rows that count sentences or capital words are judged by simpler rules and may differ from "
               "lm-evaluation-harness (docs/eval.md: nltk_data)");
  }

 private:
  void add(const Item& item) {
    std::vector<ifeval::Checker> checkers;
    const Json &ids = item.row["instruction_id_list"], &kwargs = item.row["kwargs"];
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::string id = ids[i].get<std::string>();
      checkers.push_back(ifeval::make_checker(id, kwargs[i], punkt_.get(), item.where));
      if (ifeval::needs_punkt(id)) { unsure_.insert(item.number); }
    }
    checkers_[item.number] = std::move(checkers);
  }

  std::unique_ptr<ifeval::Punkt> punkt_;                           // null: not on this machine
  std::map<std::int64_t, std::vector<ifeval::Checker>> checkers_;  // by the row's number
  std::set<std::int64_t> unsure_;                                  // rows that need punkt
};

// Files from table formats hold the lists as JSON text.
Json list_of(const rows::JsonRow& row, const char* name) {
  check_input(row.json.is_object() && row.json.contains(name), row.where.text(), ": field \"", name,
              "\" is missing");
  Json value = row.json[name];
  if (value.is_string()) { value = Json::parse(value.get<std::string>(), nullptr, false); }
  check_input(value.is_array() && !value.empty(), row.where.text(), ": field \"", name, "\" is not a list");
  return value;
}

Item item_of(const rows::JsonRow& row, std::int64_t number) {
  const Json ids = list_of(row, "instruction_id_list"), kwargs = list_of(row, "kwargs");
  check_input(ids.size() == kwargs.size(), row.where.text(), ": there are ", ids.size(), " instructions but ",
              kwargs.size(), " kwargs");
  for (const Json& id : ids) {
    check_input(id.is_string(), row.where.text(), ": field \"instruction_id_list\" is not a list of strings");
  }
  return {.where = row.where,
          .number = number,
          .context = text_field(row, "prompt"),
          .choices = {},
          .gold = -1,
          .row = {{"instruction_id_list", ids}, {"kwargs", kwargs}}};
}

}  // namespace

std::vector<Subtask> load_ifeval(const TaskFiles& files) {
  Subtask subtask{.name = "ifeval", .chance = 0, .items = {}};
  for (const rows::JsonRow& row : files.questions("ifeval")) {
    subtask.items.push_back(item_of(row, std::ssize(subtask.items)));
  }
  return {subtask};
}

std::unique_ptr<TextScorer> make_ifeval_scorer(const std::vector<Subtask>& subtasks,
                                               const ScorerOptions& options) {
  return std::make_unique<IfevalScorer>(subtasks, ifeval::find_punkt_folder(options.nltk_data));
}

void write_ifeval_sample(const std::string& folder) {
  const auto row = [](int key, const char* prompt, Json ids, Json kwargs) {
    return json_line({{"key", key},
                      {"prompt", prompt},
                      {"instruction_id_list", std::move(ids)},
                      {"kwargs", std::move(kwargs)}});
  };
  write_file(
      folder + "/ifeval.jsonl",
      row(1, "Describe a harbour without using any commas.", {"punctuation:no_comma"}, {Json::object()}) +
          row(2, "Name three tools as three bullet points in the style of * This is a point.",
              {"detectable_format:number_bullet_lists"}, {{{"num_bullets", 3}}}) +
          row(3,
              "Write about owls in at least 40 words and give your text a title in double angular brackets.",
              {"length_constraints:number_words", "detectable_format:title"},
              {{{"num_words", 40}, {"relation", "at least"}}, Json::object()}) +
          row(4, "Explain rain in fewer than 4 sentences, all in lower case.",
              {"length_constraints:number_sentences", "change_case:english_lowercase"},
              {{{"num_sentences", 4}, {"relation", "less than"}}, Json::object()}) +
          row(5, "Antworte auf Deutsch: Was ist ein Hafen?", {"language:response_language"},
              {{{"language", "de"}}}) +
          row(6, "Give me a small JSON object about a boat.", {"detectable_format:json_format"},
              {Json::object()}));
}

}  // namespace una::eval
