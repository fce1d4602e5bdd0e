#include "una/base/files/output_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/files/same_file.h"
#include "una/base/files/temporary_file.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/reason.h"

namespace una {
namespace fs = std::filesystem;
namespace {

// Names within the folder. kAside is whole; kMoving is being filled or emptied, so its files and the folder's
// belong together; kGone is being removed. Renames between them are atomic.
constexpr const char* kLock = ".una-lock";
constexpr const char* kAside = ".una-old";
constexpr const char* kMoving = ".una-old.moving";
constexpr const char* kGone = ".una-old.gone";

bool is_own_name(const std::string& name) {
  return name == kLock || name == kAside || name == kMoving || name == kGone ||
         starts_with(name, ".una-write-test");
}

// A folder with a lock is one that una works in, or was killed in.
bool has_lock(const std::string& folder) { return is_file(cat(folder, "/", kLock)); }

// Without what una itself has there. Temporary files are told by their names, which only a folder with a lock has
// from una.
std::vector<fs::path> contents(const std::string& folder) {
  const bool was_used = has_lock(folder);
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!is_own_name(name) && !(was_used && is_temporary_name(name))) { out.push_back(entry.path()); }
  }
  return out;
}

void move(const fs::path& from, const fs::path& to) {
  const int error = std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  check_input(error == 0, "cannot move ", from.string(), " to ", to.string(), ": ", reason_of(error));
}

void move_all(const std::vector<fs::path>& from, const std::string& to) {
  for (const fs::path& each : from) { move(each, fs::path(to) / each.filename()); }
}

void remove_whole(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  check_input(!error, "cannot remove ", path.string(), ": ", error.message());
}

bool is_marked(const std::string& folder, const std::vector<std::string>& marks) {
  return marks.empty() || std::any_of(marks.begin(), marks.end(),
                                      [&](const std::string& mark) { return is_file(folder + "/" + mark); });
}

// Where una was killed, its lock and an old run that it had moved aside tell that the folder is its own.
bool may_be_replaced(const std::string& path, const std::vector<std::string>& marks) {
  return is_marked(path, marks) || has_lock(path) || is_folder(cat(path, "/", kAside)) ||
         is_folder(cat(path, "/", kMoving));
}

bool is_half_done(const std::string& path) {
  return is_folder(cat(path, "/", kAside)) || is_folder(cat(path, "/", kMoving)) ||
         is_folder(cat(path, "/", kGone));
}

// Each step leaves a state from which the next call goes on.
void restore(const std::string& path) {
  const std::string moving = cat(path, "/", kMoving), aside = cat(path, "/", kAside);
  if (is_folder(aside)) {
    for (const fs::path& each : contents(path)) {
      const bool is_named =
          starts_with(each.filename().string(), "bad_batch_");  // in the sentence of the failure
      if (!is_named) { remove_whole(each); }
    }
    move(aside, moving);
  }
  if (is_folder(moving)) {
    move_all(contents(moving), path);
    remove_whole(moving);
  }
}

void remove_aside(const std::string& path) {
  move(cat(path, "/", kAside), cat(path, "/", kGone));
  remove_whole(cat(path, "/", kGone));
}

// What a killed process left half done. The folder is locked.
void recover(const std::string& path, const HasResult& has_result) {
  remove_whole(cat(path, "/", kGone));
  if (!is_half_done(path)) { return; }
  if (is_folder(cat(path, "/", kAside)) && has_result && has_result(path)) {
    remove_aside(path);
    log_info(cat("kept       the new run in ", path,
                 ", which was ended after its first result, without the old one"));
    return;
  }
  restore(path);
  log_info(cat("kept       a run that replaced what is in ", path,
               " ended before its first result; it is as before"));
}

}  // namespace

void recover_output_folder(const std::string& path, const HasResult& has_result) {
  if (!is_half_done(path)) { return; }
  std::unique_ptr<FileLock> lock;
  try {
    lock = std::make_unique<FileLock>(cat(path, "/", kLock), path);
  } catch (const InputError&) { return; }  // in use: its files are those of the run that is under way
  recover(path, has_result);
}

bool is_free_folder(const std::string& path) {
  if (!is_folder(path)) { return is_empty_folder(path); }
  return contents(path).empty() && !is_folder(cat(path, "/", kAside)) && !is_folder(cat(path, "/", kMoving));
}

void check_output_folder(const std::string& path, const OutputFolderRule& rule) {
  check_input(!is_file(path), path, ": is a file, an output folder is needed");
  if (rule.goes_on || is_free_folder(path)) { return; }
  const std::string input = find_within(path, rule.inputs);
  check_input(input.empty(), input, " is read from ", path,
              ", which is not empty; write to another folder with --out");
  check_input(may_be_replaced(path, rule.marks), path, " is not empty and holds no ", rule.work,
              " of una, so it is not replaced; give another folder with --out");
  check_input(rule.overwrite, path, " is not empty: give another folder with --out, or ", rule.flag,
              " to replace what is in it",
              rule.work == "run" ? ", or --resume_from_checkpoint true to go on" : "");
}

OutputFolder::OutputFolder(std::string path, OutputFolderRule rule)
    : path_(std::move(path)), rule_(std::move(rule)) {
  check_output_folder(path_, rule_);
  is_new_ = !is_folder(path_);
  make_folder(path_);
  if (is_new_) { at_end_.emplace(path_, CleanedAtEnd::Kind::kEmptyFolder); }
  try {
    const bool was_killed = has_lock(path_);
    lock_ = std::make_unique<FileLock>(cat(path_, "/", kLock), path_);
    if (was_killed) { remove_dead_temporaries(path_, ""); }
    recover(path_, rule_.has_result);
    was_free_ = contents(path_).empty();
    check_writable_folder(path_);
  } catch (...) {
    give_up();
    throw;
  }
}

OutputFolder::~OutputFolder() {
  try {
    if (is_aside_) {
      restore(path_);
      log_info(cat("kept       what was in ", path_, " before is there again"));
    } else if (state_ == State::kBegun && rule_.discard && was_free_) {
      for (const fs::path& each : contents(path_)) { remove_whole(each); }
    }
  } catch (const std::exception& error) {
    log_warning(cat(error.what(), "; the next command on ", path_, " tries again"));
  }
  give_up();
}

void OutputFolder::begin() {
  state_ = State::kBegun;
  if (rule_.goes_on || !rule_.overwrite || was_free_) { return; }
  const std::string moving = cat(path_, "/", kMoving);
  is_aside_ = true;
  make_folder(moving);
  move_all(contents(path_), moving);
  move(moving, cat(path_, "/", kAside));
  sync_folder(path_);
}

void OutputFolder::keep() {
  state_ = State::kKept;
  if (!std::exchange(is_aside_, false)) { return; }
  try {
    remove_aside(path_);
  } catch (const InputError& error) { log_warning(error.what()); }
}

// A folder that was made for nothing does not stay.
void OutputFolder::give_up() {
  lock_.reset();
  std::error_code not_empty;
  if (is_new_ && state_ != State::kKept) { fs::remove(path_, not_empty); }
}

}  // namespace una
