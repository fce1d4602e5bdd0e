#pragma once

#include <string>
#include <string_view>

namespace una::weights::detail {

// Writes through one descriptor, so that no tensor is held twice in memory. `shown` names the file in the
// InputError of a full disk or a missing permission.
class FileWriter {
 public:
  FileWriter(const std::string& path, const std::string& shown);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  void close();  // what the system reports late is an InputError too

 private:
  [[noreturn]] void fail();

  std::string shown_;
  int file_;
};

}  // namespace una::weights::detail
