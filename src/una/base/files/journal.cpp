#include "una/base/files/journal.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/file_at.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/base/os/reason.h"

namespace una {
namespace {

constexpr std::uint64_t kBlock = 65536;  // of the search for the last line break

// A journal that cannot be opened is not one without work.
std::ifstream opened(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  check_input(file.is_open(), "cannot read ", path, ": ", reason_of(errno));
  return file;
}

// The bytes up to the first line break; all of them where there is none, and `whole` is false.
std::string first_line(const std::string& path, bool& whole) {
  std::ifstream file = opened(path);
  std::string line;
  std::getline(file, line);
  check_input(!file.bad(), "cannot read ", path, ": ", reason_of(errno));
  whole = !file.eof();
  return line;
}

// True for a file that was made, but whose first line did not get onto the disk: nothing, a part of a first line
// (whoever's identity it was going to be), or the zeros that a power cut leaves.
bool holds_nothing(const std::string& line, bool whole, const std::string& head) {
  if (line.find_first_not_of('\0') == std::string::npos) { return true; }
  const std::string start = head.substr(0, head.find(':'));
  return !whole && (starts_with(line, start) || starts_with(start, line));
}

// The bytes up to and including the last line break.
std::int64_t whole_bytes(const std::string& path) {
  const FileAt file(path);
  for (std::uint64_t end = file.size(); end > 0;) {
    const std::uint64_t begin = end - std::min(end, kBlock);
    const std::size_t found = file.read(begin, end - begin).rfind('\n');
    if (found != std::string::npos) { return static_cast<std::int64_t>(begin + found + 1); }
    end = begin;
  }
  return 0;
}

// Cuts a last line off that was not written whole, so that every line of the file is one of JSON for its readers. Returns
// the bytes that are left.
std::int64_t cut_torn_line(const std::string& path) {
  const std::int64_t whole = whole_bytes(path);
  check_input(::truncate(path.c_str(), whole) == 0, "cannot write ", path, ": ", reason_of(errno));
  return whole;
}

}  // namespace

Journal::Kind Journal::unfinished_work(const std::string& member, const std::string& difference) {
  return {.member = member,
          .mismatch = cat(" is unfinished work with ", difference,
                          ": finish it with its own command, remove it, or write to "
                          "another --out")};
}

Journal::Journal(std::string path, const Kind& kind, const std::string& identity) : path_(std::move(path)) {
  const std::string head = json_line({{kind.member, identity}});
  bool whole = false;
  const std::string line = is_file(path_) ? first_line(path_, whole) : "";
  const bool fresh = holds_nothing(line, whole, head);
  check_input(fresh || (whole && line + "\n" == head), path_, kind.mismatch);
  if (fresh) { ::unlink(path_.c_str()); }
  file_ = std::make_unique<AppendFile>(path_);
  if (fresh) { file_->append(head); }
  head_size_ = std::ssize(head);
  size_ = cut_torn_line(path_);
}

void Journal::read(const std::function<void(const Json& line, std::int64_t place)>& visit) const {
  std::ifstream file = opened(path_);
  std::string line;
  std::getline(file, line);
  for (std::int64_t place = std::ssize(line) + 1; std::getline(file, line); place += std::ssize(line) + 1) {
    const Json value = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (value.is_object()) { visit(value, place); }
  }
  check_input(!file.bad(), "cannot read ", path_);
}

Json Journal::at(std::int64_t place) const {
  std::ifstream file = opened(path_);
  std::string line;
  file.seekg(place);
  std::getline(file, line);
  Json value = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  check_input(value.is_object(), "cannot read ", path_, ": it has been changed by another program");
  return value;
}

std::int64_t Journal::add(const Json& line) {
  const std::string bytes = json_line(line);
  file_->append(bytes);
  return std::exchange(size_, size_ + std::ssize(bytes));
}

void Journal::remove() {
  file_.reset();
  ::unlink(path_.c_str());
}

void Journal::keep_if(bool holds_work) {
  if (!holds_work) { return remove(); }
  log_info("kept       " + kept_text());
}

std::string Journal::kept_text() const {
  return path_ + " holds what was done; the same command goes on from there";
}

}  // namespace una
