#include "una/recipe/label/label_journal.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"

namespace una::recipe {
namespace {

using Preference = reward::Comparer::Preference;

constexpr const char* kIdentity = "una_label";  // the member of the first line

std::string entry_line(std::size_t row, const Labels& labels) {
  Json scores = Json::array(), failures = Json::array();
  for (const reward::Verdict& verdict : labels.verdicts) {
    scores.push_back(verdict.score ? Json(*verdict.score) : Json(nullptr));
    failures.push_back(verdict.failure);
  }
  Json entry{{"row", row}, {"scores", scores}, {"failures", failures}};
  if (labels.preference) { entry["preference"] = static_cast<int>(*labels.preference); }
  return json_line(entry);
}

// nullopt: torn, or of another shape.
std::optional<std::pair<std::size_t, Labels>> parse_entry(const std::string& line) {
  try {
    const Json entry = Json::parse(line);
    Labels labels;
    for (std::size_t i = 0; i < entry.at("scores").size(); ++i) {
      const Json& score = entry["scores"][i];
      labels.verdicts.push_back(score.is_null()
                                    ? reward::failed(entry.at("failures").at(i).get<std::string>())
                                    : reward::scored(score.get<double>()));
    }
    if (entry.contains("preference")) {
      labels.preference = static_cast<Preference>(std::clamp(entry["preference"].get<int>(), 0, 4));
    }
    return std::pair(entry.at("row").get<std::size_t>(), std::move(labels));
  } catch (const Json::exception&) { return std::nullopt; }
}

std::string head_line(const std::string& identity) { return Json{{kIdentity, identity}}.dump() + "\n"; }

// True for a file that was made, but whose first line did not get onto the disk: nothing, a part of a first
// line (whoever's identity it was going to be), or the zeros that a power cut leaves.
bool holds_nothing(const std::string& text, const std::string& head) {
  if (text.find_first_not_of('\0') == std::string::npos) { return true; }
  const std::string start = head.substr(0, head.find(':'));
  return text.find('\n') == std::string::npos && (starts_with(text, start) || starts_with(start, text));
}

bool is_whole(const Labels& labels) {
  return std::all_of(labels.verdicts.begin(), labels.verdicts.end(),
                     [](const reward::Verdict& verdict) { return verdict.score.has_value(); });
}

}  // namespace

LabelJournal::LabelJournal(std::string path, const std::string& identity, const std::vector<Example>& rows)
    : path_(std::move(path)), done_(rows.size()) {
  const std::string head = head_line(identity);
  std::string text = is_file(path_) ? read_file(path_) : "";
  if (holds_nothing(text, head)) {
    ::unlink(path_.c_str());
    text.clear();
  }
  if (!text.empty()) { read(split(text, '\n'), identity, rows); }
  file_ = std::make_unique<AppendFile>(path_);
  file_->append(text.empty() ? head : "\n");  // the line break ends a torn last line
}

void LabelJournal::read(const std::vector<std::string>& lines, const std::string& identity,
                        const std::vector<Example>& rows) {
  const Json head = Json::parse(lines[0], nullptr, false);
  check_input(head.is_object() && head.value(kIdentity, Json()) == identity, path_,
              " is unfinished work with another reward or other data: finish it with its own command, "
              "remove it, or write to another --out");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    auto entry = parse_entry(lines[i]);
    if (!entry || entry->first >= rows.size() || !is_whole(entry->second)) { continue; }
    if (entry->second.verdicts.size() != rows[entry->first].responses.size()) { continue; }
    taken_up_ += done_[entry->first] ? 0 : 1;
    done_[entry->first] = std::move(entry->second);
  }
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
  file_->append(entry_line(row, labels));
  done_[row] = std::move(labels);
}

void LabelJournal::remove() {
  file_.reset();
  ::unlink(path_.c_str());
}

}  // namespace una::recipe
