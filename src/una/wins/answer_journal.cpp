#include "una/wins/answer_journal.h"

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"

namespace una::wins {

AnswerJournal::AnswerJournal(std::string path, const std::string& identity) : path_(std::move(path)) {
  const std::string text = is_file(path_) ? read_file(path_) : "";
  const std::size_t whole = text.rfind('\n') + 1;  // 0 where there is no line
  const std::string head = json_line({{"answers_of", identity}});
  if (whole == 0) { write_file(path_, head); }
  if (whole > 0 && whole < text.size()) { write_file(path_, text.substr(0, whole)); }  // a torn last line
  const std::vector<std::string> lines = split(text.substr(0, whole), '\n');
  check_input(whole == 0 || lines[0] + "\n" == head, path_,
              " holds answers of another model, or to other settings; give another --out, or remove it");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Json line = Json::parse(lines[i], nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains("turns")) { continue; }
    done_[{line.at("row").get<std::int64_t>(), line.at("sample").get<std::int64_t>()}] = {
        line.at("hash").get<std::string>(),
        {line.at("turns").get<std::vector<std::string>>(), line.at("tokens").get<std::int64_t>()}};
  }
  file_ = std::make_unique<AppendFile>(path_);
}

const WrittenAnswer* AnswerJournal::find(std::int64_t row, std::int64_t sample,
                                         const std::string& hash) const {
  const auto found = done_.find({row, sample});
  if (found == done_.end()) { return nullptr; }
  check_input(found->second.hash == hash, path_, " has an answer to row ", row + 1,
              ", but that row reads otherwise now; give another --out, or remove the file");
  return &found->second.answer;
}

void AnswerJournal::add(std::int64_t row, std::int64_t sample, const std::string& hash,
                        WrittenAnswer answer) {
  file_->append(json_line({{"row", row},
                           {"sample", sample},
                           {"hash", hash},
                           {"turns", answer.turns},
                           {"tokens", answer.tokens}}));
  done_[{row, sample}] = {hash, std::move(answer)};
}

}  // namespace una::wins
