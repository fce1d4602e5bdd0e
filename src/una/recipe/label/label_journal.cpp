#include "una/recipe/label/label_journal.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"

namespace una::recipe {
namespace {

using Preference = reward::Comparer::Preference;

const Journal::Kind kKind = Journal::unfinished_work("una_label", "another reward or other data");

Json entry_of(std::size_t row, const Labels& labels) {
  Json scores = Json::array(), failures = Json::array();
  for (const reward::Verdict& verdict : labels.verdicts) {
    scores.push_back(verdict.score ? Json(*verdict.score) : Json(nullptr));
    failures.push_back(verdict.failure);
  }
  Json entry{{"row", row}, {"scores", scores}, {"failures", failures}};
  if (labels.preference) { entry["preference"] = static_cast<int>(*labels.preference); }
  return entry;
}

// nullopt: of another shape.
std::optional<std::pair<std::size_t, Labels>> parse_entry(const Json& entry) {
  try {
    Labels labels;
    for (std::size_t i = 0; i < entry.at("scores").size(); ++i) {
      const Json& score = entry.at("scores").at(i);
      labels.verdicts.push_back(score.is_null()
                                    ? reward::failed(entry.at("failures").at(i).get<std::string>())
                                    : reward::scored(score.get<double>()));
    }
    if (entry.contains("preference")) {
      labels.preference = static_cast<Preference>(std::clamp(entry.at("preference").get<int>(), 0, 4));
    }
    return std::pair(entry.at("row").get<std::size_t>(), std::move(labels));
  } catch (const Json::exception&) { return std::nullopt; }
}

bool is_whole(const Labels& labels) {
  return std::all_of(labels.verdicts.begin(), labels.verdicts.end(),
                     [](const reward::Verdict& verdict) { return verdict.score.has_value(); });
}

}  // namespace

LabelJournal::LabelJournal(const std::string& path, const std::string& identity,
                           const std::vector<Example>& rows)
    : file_(path, kKind, identity), done_(rows.size()) {
  file_.read([&](const Json& line, std::int64_t /*place*/) {
    auto entry = parse_entry(line);
    if (!entry || entry->first >= rows.size() || !is_whole(entry->second)) { return; }
    if (entry->second.verdicts.size() != rows[entry->first].responses.size()) { return; }
    taken_up_ += done_[entry->first] ? 0 : 1;
    done_[entry->first] = std::move(entry->second);
  });
}

bool LabelJournal::is_empty() const {
  return std::none_of(done_.begin(), done_.end(), [](const auto& labels) { return labels.has_value(); });
}

const Labels& LabelJournal::labels(std::size_t row) const {
  const std::optional<Labels>& found = done_.at(row);
  if (!found) { throw InternalError("LabelJournal: the row is not done"); }
  return *found;
}

void LabelJournal::add(std::size_t row, Labels labels) {
  file_.add(entry_of(row, labels));
  done_[row] = std::move(labels);
}

}  // namespace una::recipe
