#pragma once

#include <string>
#include <string_view>

namespace una {

// A file that only grows: each append is one write, so a killed process leaves whole records and at most one
// torn last one. InputError (full disk, no permission) names the path.
class AppendFile {
 public:
  explicit AppendFile(const std::string& path);  // made when it does not exist
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  void append(std::string_view bytes);
  void sync();  // returns when what was appended would survive a loss of power

 private:
  std::string path_;
  int file_;
};

}  // namespace una
