#pragma once

#include <memory>
#include <string>
#include <vector>

#include "una/base/files/file_lock.h"

namespace una {

// The rule of every command for what it writes: what is there already is replaced only on request, a file or folder
// that the command reads is never written over, one process writes at a time, and what is replaced stays until
// there is something to replace it with.
struct OutputRule {
  bool overwrite = false;
  std::string flag = "--overwrite_output_dir";  // that asks for it, for the sentence
  std::vector<std::string> inputs;  // files and folders that the command reads; absent ones count nothing
};

// One output file, from before the work begins to the end of the command. The file itself is written by write_file
// or write_file_with. A device or a pipe can always be written to, by many.
class OutputFile {
 public:
  // InputError: a folder, an input, there already, in use by another process, or a place that cannot be written.
  // `together_with`: further files that are written with it and may not be inputs either.
  OutputFile(const std::string& path, const OutputRule& rule,
             const std::vector<std::string>& together_with = {});

 private:
  std::unique_ptr<FileLock> lock_;
};

}  // namespace una
