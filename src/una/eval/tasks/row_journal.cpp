#include "una/eval/tasks/row_journal.h"

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"

namespace una::eval {
namespace {

constexpr const char* kIdentity = "una_eval";  // the member of the first line

std::string hash_of(const Item& item) {
  Hasher hasher;
  hasher.add(item.context).add_number(static_cast<std::uint64_t>(item.gold + 1));
  for (const std::string& choice : item.choices) { hasher.add(choice); }
  hasher.add(item.row.dump(-1, ' ', false, Json::error_handler_t::replace));
  return hasher.hex();
}

Json parts_json(const std::vector<MetricPart>& parts) {
  Json out = Json::object();
  for (const MetricPart& part : parts) {
    out[part.metric] = part.count == 1 ? Json(part.sum) : Json({part.sum, part.count});
  }
  return out;
}

std::vector<MetricPart> parse_parts(const Json& metrics) {
  std::vector<MetricPart> parts;
  for (const auto& [name, value] : metrics.items()) {
    const bool ratio = value.is_array();
    parts.push_back({name, ratio ? value.at(0).get<double>() : value.get<double>(),
                     ratio ? value.at(1).get<double>() : 1.0});
  }
  return parts;
}

}  // namespace

RowJournal::RowJournal(std::string path, const std::string& identity) : path_(std::move(path)) {
  const std::string head = json_line({{kIdentity, identity}});
  const std::string text = is_file(path_) ? read_file(path_) : "";
  // A kill may have left the file empty or torn within its first line: it holds nothing then.
  const bool fresh = text.find('\n') == std::string::npos;
  if (!fresh) { read(text, identity); }
  check_input(!fresh || text.empty() || starts_with(head, text), path_,
              " is not a file of una eval's; give another --out");
  if (fresh) { write_file(path_, head); }
  file_ = std::make_unique<AppendFile>(path_);
  if (!fresh && text.back() != '\n') { file_->append("\n"); }  // ends the torn last line
}

void RowJournal::read(const std::string& text, const std::string& identity) {
  const std::vector<std::string> lines = split(text, '\n');
  const Json head = Json::parse(lines[0], nullptr, false);
  check_input(
      head.is_object() && head.value(kIdentity, Json()) == identity, path_,
      " holds the evaluation of another model, or with other settings; give another --out, or remove it");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    try {
      const Json line = Json::parse(lines[i]);
      done_[{line.at("task").get<std::string>(), line.at("row").get<std::int64_t>()}] = {
          line.at("hash").get<std::string>(), {parse_parts(line.at("metrics"))}};
    } catch (const Json::exception&) { continue; }  // torn: the row is done again
  }
}

const RowResult* RowJournal::find(const std::string& subtask, const Item& item) const {
  const auto found = done_.find({subtask, item.number});
  if (found == done_.end()) { return nullptr; }
  check_input(found->second.hash == hash_of(item), path_, " has a result for row ", item.number, " of ",
              subtask, ", but that row reads otherwise now (", item.where.text(),
              "); give another --out, or remove the file");
  return &found->second.result;
}

void RowJournal::add(const std::string& subtask, const Item& item, const Json& details, RowResult result) {
  const std::string hash = hash_of(item);
  Json line{{"task", subtask}, {"row", item.number}, {"file", item.where.file}, {"line", item.where.line}};
  if (!details.is_null()) { line.update(details); }
  line["metrics"] = parts_json(result.parts);
  line["hash"] = hash;
  file_->append(json_line(line));
  done_[{subtask, item.number}] = {hash, std::move(result)};
}

}  // namespace una::eval
