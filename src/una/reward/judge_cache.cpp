#include "una/reward/judge_cache.h"

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"

namespace una::reward {

JudgeCache::JudgeCache(const std::string& folder, const std::string& name) {
  make_folder(folder);
  const std::string path = cat(folder, "/", name);
  const std::string text = is_file(path) ? read_file(path) : "";
  for (const std::string& line : split(text, '\n')) {
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("key") || !entry.contains("content")) { continue; }
    if (entry["key"].is_string() && entry["content"].is_string()) {
      replies_[entry["key"].get<std::string>()] = entry["content"].get<std::string>();
    }
  }
  file_ = std::make_unique<AppendFile>(path);
  if (!text.empty() && text.back() != '\n') { file_->append("\n"); }
}

std::optional<std::string> JudgeCache::find(const std::string& key) const {
  const auto found = replies_.find(key);
  return found == replies_.end() ? std::nullopt : std::optional(found->second);
}

void JudgeCache::put(const std::string& key, const std::string& content) {
  if (file_ == nullptr) { return; }
  replies_[key] = content;
  const Json entry{{"key", key}, {"content", content}};
  file_->append(json_line(entry));
}

}  // namespace una::reward
