#include "una/run/score_lines.h"

#include <algorithm>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/file_writer.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"

namespace una::run {
namespace {

const Journal::Kind kKind =
    Journal::unfinished_work("una_score", "another model, other rows or other settings");

// Whether every answer of the row has a score.
bool is_whole(const Json& lines) {
  return std::all_of(lines.begin(), lines.end(), [](const Json& line) { return !line.contains("error"); });
}

}  // namespace

ScoreLines::ScoreLines(const std::string& path, const std::string& identity, std::size_t rows,
                       dist::Gang& gang)
    : path_(path), places_(rows, -1) {
  if (gang.leads()) {
    journal_ = std::make_unique<Journal>(path + ".partial", kKind, identity);
    journal_->read([&](const Json& entry, std::int64_t place) {
      const auto row = entry.value("row", rows);
      if (row < rows && entry.contains("lines") && is_whole(entry["lines"])) { places_[row] = place; }
    });
  }
  Json own = Json::array();
  for (std::size_t row = 0; row < rows; ++row) {
    if (journal_ != nullptr && places_[row] < 0) { own.push_back(row); }
  }
  to_do_ = Json::parse(gang.gather_all(own.dump()).front()).get<std::vector<std::size_t>>();
  if (journal_ != nullptr && to_do_.size() < rows) {
    log_info(cat("resuming   ", thousands(static_cast<std::int64_t>(rows - to_do_.size())),
                 " rows are done in ", journal_->path()));
  }
}

void ScoreLines::visit_done(const Visit& visit) const {
  for (std::size_t row = 0; row < places_.size(); ++row) {
    if (places_[row] >= 0) { visit(row, journal_->at(places_[row])["lines"]); }
  }
}

void ScoreLines::add(std::size_t row, const Json& lines) {
  if (journal_ != nullptr) { places_[row] = journal_->add({{"row", row}, {"lines", lines}}); }
}

void ScoreLines::write() const {
  write_file_with(path_, [&](const std::string& temporary) {
    FileWriter out(temporary, path_);
    visit_done([&](std::size_t /*row*/, const Json& lines) {
      for (const Json& line : lines) { out.write(json_line(line)); }
    });
    out.close();
  });
}

void ScoreLines::finish_after(const std::function<void()>& work) {
  try {
    work();
    if (journal_ == nullptr) { return; }
    write();
    journal_->remove();
  } catch (const Interrupted&) { throw; } catch (const InputError&) {
    if (journal_ != nullptr) { journal_->keep_if(holds_work()); }
    throw;
  }
}

void ScoreLines::stop() {
  if (journal_ == nullptr) { throw Interrupted("stopped"); }
  if (holds_work()) { throw Interrupted("stopped; " + journal_->kept_text()); }
  journal_->remove();
  throw Interrupted("stopped; nothing was written");
}

bool ScoreLines::holds_work() const {
  return std::any_of(places_.begin(), places_.end(), [](std::int64_t place) { return place >= 0; });
}

}  // namespace una::run
