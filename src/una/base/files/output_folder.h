#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "una/base/files/end_cleanup.h"
#include "una/base/files/file_lock.h"
#include "una/base/files/output_rule.h"

namespace una {

// Whether work in a folder has come to something that is worth more than what it replaces: a whole checkpoint or result.
// It may put names in order that a kill left (checkpoints). Empty: it never has.
using HasResult = std::function<bool(const std::string& folder)>;

// How a command may use a folder that it writes to.
struct OutputFolderRule : OutputRule {
  bool goes_on = false;            // what is there is taken up (resume), not replaced
  std::vector<std::string> marks;  // files by which una knows its own work; only such a folder is replaced
  std::string work = "run";        // for the sentence: "no run of una"
  HasResult has_result;            // of this kind of work, for a folder in which it was killed
  bool discard = false;            // what was written without a keep() is removed, since it must not be used
};

// Checks only, writes nothing. InputError: a file, an input is in it, files that are not replaced.
void check_output_folder(const std::string& path, const OutputFolderRule& rule);

// A command's output folder, locked for its process from before the work begins. What is to be replaced is moved
// aside within the folder by begin(), removed by keep() once there is a checkpoint or a result, and moved back when
// the command ends before that. After a kill the next command on the folder does the same (recover_output_folder).
class OutputFolder {
 public:
  // check_output_folder, then makes the folder and locks it. InputError also: in use, cannot be written.
  OutputFolder(std::string path, OutputFolderRule rule);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  void begin();                                    // before the first file is written
  void keep();                                     // may be called again
  bool has_old_work() const { return is_aside_; }  // aside, and will be there again unless keep() is called

 private:
  enum class State { kOpen, kBegun, kKept };
  void give_up();

  std::string path_;
  OutputFolderRule rule_;
  std::optional<CleanedAtEnd> at_end_;  // of a new folder; before its lock, so that it goes after it
  std::unique_ptr<FileLock> lock_;
  State state_ = State::kOpen;
  bool was_free_ = false, is_new_ = false, is_aside_ = false;
};

// Puts a folder in order in which a command was killed while it replaced older work: the new work stays where
// `has_result` says so, else the old one comes back. For commands that read files of the folder before they open it
// (--config); OutputFolder does it by itself. A folder in use, or one that cannot be written, stays as it is.
void recover_output_folder(const std::string& path, const HasResult& has_result);

// Empty, not there, or nothing in it but what una itself left when it was killed: its lock, and files TARGET.tmpXXXXXX
// that it had begun.
bool is_free_folder(const std::string& path);

}  // namespace una
