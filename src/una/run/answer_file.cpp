#include "una/run/answer_file.h"

#include "una/base/files/file_writer.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/log.h"

namespace una::run {
namespace {

const Journal::Kind kKind =
    Journal::unfinished_work("una_generate", "another model, other prompts or other settings");

}  // namespace

AnswerFile::AnswerFile(const std::string& path, const std::string& identity)
    : path_(path), journal_(path + ".partial", kKind, identity) {
  journal_.read([&](const Json& row, std::int64_t place) {
    if (!row.contains("row") || !row.contains("sample")) { return; }
    places_[{row["row"].get<std::int64_t>(), row["sample"].get<std::int64_t>()}] = place;
  });
  if (places_.empty()) { return; }
  log_info(cat("resuming   ", thousands(std::ssize(places_)), " answers are in ", journal_.path()));
}

void AnswerFile::add(const Json& row) {
  places_[{row.at("row").get<std::int64_t>(), row.at("sample").get<std::int64_t>()}] = journal_.add(row);
}

void AnswerFile::write() const {
  write_file_with(path_, [&](const std::string& temporary) {
    FileWriter out(temporary, path_);
    for (const auto& [answer, place] : places_) { out.write(json_line(journal_.at(place))); }
    out.close();
  });
}

}  // namespace una::run
