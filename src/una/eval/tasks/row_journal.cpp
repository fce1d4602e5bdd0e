#include "una/eval/tasks/row_journal.h"

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::eval {
namespace {

const Journal::Kind kKind{
    .member = "una_eval",
    .mismatch =
        " holds the evaluation of another model, or with other settings; give another --out, or remove it"};

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

RowJournal::RowJournal(const std::string& path, const std::string& identity) : file_(path, kKind, identity) {
  file_.read([&](const Json& line, std::int64_t /*place*/) {
    try {
      done_[{line.at("task").get<std::string>(), line.at("row").get<std::int64_t>()}] = {
          line.at("hash").get<std::string>(), {parse_parts(line.at("metrics"))}};
    } catch (const Json::exception&) { return; }  // of another shape: the row is done again
  });
}

const RowResult* RowJournal::find(const std::string& subtask, const Item& item) const {
  const auto found = done_.find({subtask, item.number});
  if (found == done_.end()) { return nullptr; }
  check_input(found->second.hash == hash_of(item), path(), " has a result for row ", item.number, " of ",
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
  file_.add(line);
  done_[{subtask, item.number}] = {hash, std::move(result)};
}

}  // namespace una::eval
