#include "una/chat/vote_file.h"

#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"

namespace una::chat {
namespace {

// The vote that a row belongs to; "" for rows of another origin.
std::string vote_of(const Json& row) {
  const auto meta = row.is_object() ? row.find("meta") : row.end();
  if (meta == row.end() || !meta->is_object()) { return ""; }
  const auto vote = meta->find("vote");
  return vote == meta->end() || !vote->is_string() ? "" : vote->get<std::string>();
}

std::string line_of(const Json& row) {
  return row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

VoteFile::VoteFile(std::string path) : path_(std::move(path)) {
  if (is_file(path_)) {
    const std::string text = read_file(path_);
    const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    std::int64_t number = 0;
    for (const std::string& line : split(std::string_view(text).substr(0, whole), '\n')) {
      ++number;
      if (trim(line).empty()) { continue; }
      const std::string vote = vote_of(parse_json(line, cat(path_, ":", number)));
      if (!vote.empty()) { votes_.insert(vote); }
    }
    if (whole < text.size()) { write_file(path_, text.substr(0, whole)); }
  }
  file_ = std::make_unique<AppendFile>(path_);
}

bool VoteFile::add(const std::string& vote, const std::vector<Json>& rows) {
  if (votes_.count(vote) > 0) { return false; }
  std::string lines;
  for (const Json& row : rows) { lines += line_of(row); }
  file_->append(lines);
  file_->sync();
  votes_.insert(vote);
  return true;
}

bool VoteFile::undo(const std::string& vote) {
  if (votes_.erase(vote) == 0) { return false; }
  std::string kept;
  for (const std::string& line : split(read_file(path_), '\n')) {
    if (!line.empty() && vote_of(parse_json(line, path_)) != vote) { kept += line + "\n"; }
  }
  write_file(path_, kept);
  file_ = std::make_unique<AppendFile>(path_);
  return true;
}

}  // namespace una::chat
