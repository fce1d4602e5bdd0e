#pragma once

#include <string>
#include <string_view>

namespace una {

// Streams into the file that write_file_with hands over, through one descriptor and a buffer. `shown` is the name
// in an InputError (full disk, quota). A stop point at each write of a StopScope: see stop_point.h.
class FileWriter {
 public:
  FileWriter(const std::string& path, const std::string& shown);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  void flush();  // what is buffered can be read from the file afterwards
  void close();  // writes what is buffered; errors that the system reports only now are InputErrors too

 private:
  std::string shown_, buffer_;
  int file_;
};

}  // namespace una
