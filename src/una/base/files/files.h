#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace una {

// All of it in memory. Throws InputError naming the path when it cannot be read.
std::string read_file(const std::string& path);

// Written next to the target, synced, then renamed: the file appears whole or not at all. Throws InputError
// (full disk, no permission) and leaves nothing behind.
void write_file(const std::string& path, std::string_view bytes);

// The same for a writer that streams: `fill` gets the path of the temporary file.
void write_file_with(const std::string& path, const std::function<void(const std::string& temporary)>& fill);

void make_folder(const std::string& path);            // with parents; InputError when it cannot be written
void check_writable_folder(const std::string& path);  // tries a file in it
void rename_folder(const std::string& from,
                   const std::string& to);          // fsyncs the folder's files, then renames
std::uint64_t free_bytes(const std::string& path);  // free disk space where `path` is (or will be)
std::string absolute_path(const std::string& path);
std::string user_cache_folder();  // $XDG_CACHE_HOME/una, else ~/.cache/una, else ""; it need not exist
bool is_file(const std::string& path);
bool is_folder(const std::string& path);
bool is_empty_folder(const std::string& path);  // true also when it does not exist

// A read-only mapping of a whole file; an empty file has size 0 and no address.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::string_view bytes() const { return {data_, size_}; }
  void release_pages() const;  // they leave the resident set and come back from the page cache when touched

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace una
