#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "una/base/files/journal.h"
#include "una/base/json.h"
#include "una/dist/gang.h"

namespace una::run {

// The file that `una score` writes, a line per answer. What is scored goes into FILE.partial at once, row by row, so that
// a kill, a signal or a full disk loses at most the rows under way; the same command goes on from there. Rank 0 has the
// files, the other ranks drop what they are given. Not thread-safe.
class ScoreLines {
 public:
  // A list of the lines of a row.
  using Visit = std::function<void(std::size_t row, const Json& lines)>;

  // Goes on with what FILE.partial holds. `identity`: of the model, the rows and the keys that decide a line. InputError
  // where the partial file is of other work.
  ScoreLines(const std::string& path, const std::string& identity, std::size_t rows, dist::Gang& gang);

  // The rows that are to do, ascending, the same on every rank. A row with an answer that could not be scored is one.
  const std::vector<std::size_t>& to_do() const { return to_do_; }
  void visit_done(
      const Visit& visit) const;  // on rank 0; before the first `add`: what an earlier run has done
  void add(std::size_t row, const Json& lines);  // a list of the row's lines
  // Calls `work`, then writes the file and removes FILE.partial. After an error FILE.partial stays where it holds
  // something, and the log says so; Interrupted says it itself.
  void finish_after(const std::function<void()>& work);
  [[noreturn]] void stop();  // throws Interrupted

 private:
  bool holds_work() const;  // whether a row is done
  void write() const;

  std::string path_;
  std::vector<std::int64_t> places_;  // of each row's entry in the journal; -1: to do
  std::vector<std::size_t> to_do_;
  std::unique_ptr<Journal> journal_;  // rank 0
};

}  // namespace una::run
