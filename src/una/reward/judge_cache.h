#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "una/base/files/append_file.h"

namespace una::reward {

// Replies by the hash of what was asked, in a JSONL file that only grows: each reply is on disk as soon as it
// came, and a torn last line (a kill in the middle of writing) is passed over. Several processes may share
// it.
class JudgeCache {
 public:
  JudgeCache() = default;  // none: keeps nothing
  // In the file `name` of `folder`, which is made. InputError when it cannot be written.
  JudgeCache(const std::string& folder, const std::string& name);

  std::optional<std::string> find(const std::string& key) const;
  void put(const std::string& key, const std::string& content);

 private:
  std::unordered_map<std::string, std::string> replies_;
  std::unique_ptr<AppendFile> file_;
};

}  // namespace una::reward
