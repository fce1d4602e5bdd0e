#pragma once

#include <cstddef>
#include <string>

namespace una {

// What has to go when the process ends where nothing can be unwound: the bridge's allocator has no memory, or a mapped
// file was cut short (SIGBUS). Locks, temporary files and folders name themselves here while they live.
class CleanedAtEnd {
 public:
  enum class Kind {
    kFile,
    kEmptyFolder,      // stays where something is in it
    kFolderWithFiles,  // not those in folders of it
  };
  // Without effect where a thousand others live already, or where the path has 1000 bytes or more.
  CleanedAtEnd(const std::string& path, Kind kind);
  ~CleanedAtEnd();
  CleanedAtEnd(const CleanedAtEnd&) = delete;
  CleanedAtEnd& operator=(const CleanedAtEnd&) = delete;

 private:
  std::size_t slot_;
};

// Removes them, empty folders at last. Takes no lock and allocates nothing: any thread and any signal handler may call it.
// What a forked process inherited is its parent's and stays.
void clean_up_at_end() noexcept;

// Lets the bridge call it before it ends the program.
void install_end_cleanup();

}  // namespace una
