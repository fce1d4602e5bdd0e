#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace una::train {

// Reference log-probs on disk, by the content of each sequence: one file per reference, append-only, shared by runs
// on this machine at the same time. A record is (hash of ids and mask, count, checksum, floats), appended by one
// write, so records of several runs do not mix. A torn record at the end (a killed run, a full disk) is cut off
// when the file is opened and no other process has it open. A cache never ends a run: what cannot be read is a
// miss, and where the file cannot be written a warning says so and new values stay in memory. Not thread-safe.
class ReferenceCache {
 public:
  // `folder` is created when missing; the oldest other files are removed while it holds more than `cap_bytes`.
  ReferenceCache(const std::string& folder, const std::string& key, std::uint64_t cap_bytes);
  ReferenceCache() = default;  // in memory only
  ~ReferenceCache();
  ReferenceCache(const ReferenceCache&) = delete;
  ReferenceCache& operator=(const ReferenceCache&) = delete;

  // Copies the log-probs of one sequence; false when there are none, or not `count` of them.
  bool read(std::uint64_t sequence, float* out, std::int64_t count);
  void add(std::uint64_t sequence, std::vector<float> logps);
  std::size_t size() const { return places_.size() + values_.size(); }

 private:
  // Offset of a record's floats in the file.
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t count = 0;
  };
  void open(const std::string& folder, std::uint64_t cap_bytes);
  void close();
  std::uint64_t read_places();  // returns the end of the last whole record
  void cut_torn_end(std::uint64_t end) const;
  bool read_record(std::uint64_t sequence, const Place& place, float* out) const;
  bool append(std::uint64_t sequence, const std::vector<float>& logps);

  std::string path_;
  int file_ = -1;
  bool appends_ = false;
  std::unordered_map<std::uint64_t, Place> places_;               // of what is in the file
  std::unordered_map<std::uint64_t, std::vector<float>> values_;  // of what is only in memory
};

}  // namespace una::train
