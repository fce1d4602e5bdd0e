#include "una/wins/answer_journal.h"

#include "una/base/error.h"
#include "una/base/json.h"

namespace una::wins {
namespace {

const Journal::Kind kKind{
    .member = "answers_of",
    .mismatch = " holds answers of another model, or to other settings; give another --out, or remove it"};

}  // namespace

AnswerJournal::AnswerJournal(const std::string& path, const std::string& identity)
    : file_(path, kKind, identity) {
  file_.read([&](const Json& line, std::int64_t /*place*/) {
    if (!line.contains("turns")) { return; }
    done_[{line.at("row").get<std::int64_t>(), line.at("sample").get<std::int64_t>()}] = {
        line.at("hash").get<std::string>(),
        {line.at("turns").get<std::vector<std::string>>(), line.at("tokens").get<std::int64_t>()}};
  });
}

const WrittenAnswer* AnswerJournal::find(std::int64_t row, std::int64_t sample,
                                         const std::string& hash) const {
  const auto found = done_.find({row, sample});
  if (found == done_.end()) { return nullptr; }
  check_input(found->second.hash == hash, file_.path(), " has an answer to row ", row + 1,
              ", but that row reads otherwise now; give another --out, or remove the file");
  return &found->second.answer;
}

void AnswerJournal::add(std::int64_t row, std::int64_t sample, const std::string& hash,
                        WrittenAnswer answer) {
  file_.add(
      {{"row", row}, {"sample", sample}, {"hash", hash}, {"turns", answer.turns}, {"tokens", answer.tokens}});
  done_[{row, sample}] = {hash, std::move(answer)};
}

}  // namespace una::wins
