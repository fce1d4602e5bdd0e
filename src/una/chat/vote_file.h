#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "una/base/files/append_file.h"
#include "una/base/json.h"

namespace una::chat {

// The JSONL file of a person's votes. A vote's rows are one write and are on the disk when add() returns, so a kill
// loses none that was answered. One process at a time; not thread-safe.
class VoteFile {
 public:
  // Goes on behind what the file holds; a torn last line (of a kill within a write) is removed. InputError where it
  // cannot be written or holds something else than JSON lines.
  explicit VoteFile(std::string path);
  // False: a vote with this id is in the file already, and nothing was written.
  bool add(const std::string& vote, const std::vector<Json>& rows);
  // Takes the rows of a vote out: the file is written again, whole. False: there is no such vote.
  bool undo(const std::string& vote);
  std::size_t votes() const { return votes_.size(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::unique_ptr<AppendFile> file_;
  std::set<std::string> votes_;
};

}  // namespace una::chat
