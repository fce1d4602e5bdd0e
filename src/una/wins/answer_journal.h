#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/files/journal.h"

namespace una::wins {

// What a policy wrote: one text a turn.
struct WrittenAnswer {
  std::vector<std::string> turns;
  std::int64_t tokens = 0;  // of all turns
};

// A policy's answers to the rows of a task in a journal: a stopped command goes on where it was. Not thread-safe.
class AnswerJournal {
 public:
  // `identity`: of the weights and of what else decides an answer. InputError when the file is of something else. Torn
  // lines count as not written.
  AnswerJournal(const std::string& path, const std::string& identity);
  // The answer to sample `sample` of row `row`, whose question has this hash; nullptr: to do. InputError when the
  // question was another one.
  const WrittenAnswer* find(std::int64_t row, std::int64_t sample, const std::string& hash) const;
  void add(std::int64_t row, std::int64_t sample, const std::string& hash, WrittenAnswer answer);

 private:
  struct Entry {
    std::string hash;
    WrittenAnswer answer;
  };
  Journal file_;
  std::map<std::pair<std::int64_t, std::int64_t>, Entry> done_;
};

}  // namespace una::wins
