#include "una/train/reference_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/cache_folder.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/log.h"

namespace una::train {
namespace {

// In front of each record's floats.
struct RecordHead {
  std::uint64_t sequence = 0;
  std::uint32_t count = 0;
  std::uint32_t check = 0;  // low half of the hash of the floats
};

std::uint32_t checksum(std::string_view bytes) { return static_cast<std::uint32_t>(hash_u64(bytes)); }

bool read_at(int file, std::uint64_t offset, void* out, std::size_t count) {
  auto* to = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t got = ::pread(file, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) { continue; }
    if (got <= 0) { return false; }
    to += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

ReferenceCache::ReferenceCache(const std::string& folder, const std::string& key, std::uint64_t cap_bytes)
    : path_(folder + "/" + key + ".refs") {
  try {
    open(folder, cap_bytes);
  } catch (const InputError& error) {
    close();
    log_warning(cat("going on without the reference cache (", error.what(),
                    "); name another folder, or none, with reference_cache_dir"));
  }
}

ReferenceCache::~ReferenceCache() { close(); }

void ReferenceCache::close() {
  if (file_ >= 0) { ::close(std::exchange(file_, -1)); }
}

// The shared lock is held for as long as the file is open: it keeps others from cutting or deleting it.
void ReferenceCache::open(const std::string& folder, std::uint64_t cap_bytes) {
  make_folder(folder);
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  check_input(file_ >= 0, "cannot write ", path_, ": ", std::strerror(errno));
  ::flock(file_, LOCK_SH);
  trim_cache_folder(folder, path_, cap_bytes);
  cut_torn_end(read_places());
  appends_ = true;
}

std::uint64_t ReferenceCache::read_places() {
  constexpr std::uint64_t kBlock = std::uint64_t{16} << 20;
  const MappedFile file(path_);
  std::uint64_t whole_end = 0, released = 0;
  while (whole_end + sizeof(RecordHead) <= file.size()) {
    RecordHead head;
    std::memcpy(&head, file.data() + whole_end, sizeof head);
    const std::uint64_t begin = whole_end + sizeof head;
    const std::uint64_t end = begin + std::uint64_t{head.count} * sizeof(float);
    if (end > file.size() || checksum(file.bytes().substr(begin, end - begin)) != head.check) { break; }
    places_[head.sequence] = {begin, head.count};
    whole_end = end;
    if (whole_end - released < kBlock) { continue; }
    file.release_pages();
    released = whole_end;
  }
  return whole_end;
}

// What looks torn may be a record that another run is writing, and its later records have places behind it: so
// only a process that has the file alone cuts it.
void ReferenceCache::cut_torn_end(std::uint64_t end) const {
  struct stat status{};
  if (::fstat(file_, &status) != 0 || static_cast<std::uint64_t>(status.st_size) == end) { return; }
  if (::flock(file_, LOCK_EX | LOCK_NB) == 0) {
    struct stat now{};
    const bool same = ::fstat(file_, &now) == 0 && now.st_size == status.st_size;
    if (same && ::ftruncate(file_, static_cast<off_t>(end)) != 0) {
      log_warning(cat("cannot cut the torn end off ", path_, ": ", std::strerror(errno)));
    }
  }
  ::flock(file_, LOCK_SH);  // also after a failure: the try gave the shared lock up
}

bool ReferenceCache::read(std::uint64_t sequence, float* out, std::int64_t count) {
  if (const auto found = values_.find(sequence); found != values_.end()) {
    if (std::ssize(found->second) != count) { return false; }
    std::copy(found->second.begin(), found->second.end(), out);
    return true;
  }
  const auto found = places_.find(sequence);
  if (found == places_.end() || found->second.count != count) { return false; }
  if (read_record(sequence, found->second, out)) { return true; }
  places_.erase(found);  // damaged or cut off: it is computed and added again
  return false;
}

bool ReferenceCache::read_record(std::uint64_t sequence, const Place& place, float* out) const {
  RecordHead head;
  const std::size_t bytes = place.count * sizeof(float);
  return read_at(file_, place.offset - sizeof head, &head, sizeof head) &&
         read_at(file_, place.offset, out, bytes) && head.sequence == sequence && head.count == place.count &&
         head.check == checksum({reinterpret_cast<const char*>(out), bytes});
}

void ReferenceCache::add(std::uint64_t sequence, std::vector<float> logps) {
  if (places_.count(sequence) > 0 || values_.count(sequence) > 0) { return; }
  if (!appends_ || !append(sequence, logps)) { values_[sequence] = std::move(logps); }
}

// One write at the file's end, wherever other runs moved that to; the position afterwards tells where it was.
bool ReferenceCache::append(std::uint64_t sequence, const std::vector<float>& logps) {
  const std::string_view floats{reinterpret_cast<const char*>(logps.data()), logps.size() * sizeof(float)};
  const RecordHead head{sequence, static_cast<std::uint32_t>(logps.size()), checksum(floats)};
  std::string record(reinterpret_cast<const char*>(&head), sizeof head);
  record += floats;
  ssize_t written = 0;
  do { written = ::write(file_, record.data(), record.size()); } while (written < 0 && errno == EINTR);
  const int error = errno;
  const off_t end = ::lseek(file_, 0, SEEK_CUR);
  if (written == std::ssize(record) && end >= written) {
    places_[sequence] = {static_cast<std::uint64_t>(end) - floats.size(), head.count};
    return true;
  }
  const std::string reason = written < 0 ? std::strerror(error) : "full disk?";
  log_warning(
      cat("the reference cache ", path_, " cannot be written (", reason, "); new values stay in memory"));
  appends_ = false;
  return false;
}

}  // namespace una::train
