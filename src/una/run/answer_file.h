#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "una/base/files/journal.h"
#include "una/base/json.h"

namespace una::run {

// The file that `una generate` writes, a row per answer, by prompt and sample. A finished answer goes into FILE.partial at
// once, so that a kill or a full disk loses only the answers under way; the same command goes on from there. Not
// thread-safe.
class AnswerFile {
 public:
  // `identity`: hash of the model, the prompts and all that decides an answer. InputError where FILE.partial is of other
  // work; the log says what is taken up.
  AnswerFile(const std::string& path, const std::string& identity);

  bool has(std::int64_t prompt, std::int64_t sample) const { return places_.contains({prompt, sample}); }
  std::size_t size() const { return places_.size(); }
  void add(const Json& row);  // with members row and sample
  void write() const;         // the whole file, of what is finished
  void remove_partial() { journal_.remove(); }
  void keep_partial() {
    journal_.keep_if(!places_.empty());
  }  // after an error: says so; removes FILE.partial where it holds nothing

 private:
  std::string path_;
  Journal journal_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> places_;  // by prompt and sample
};

}  // namespace una::run
