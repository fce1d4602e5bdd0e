#include "una/data/report_json.h"

#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/scores/score_fit_file.h"

namespace una::data::detail {
namespace {

using Counts = std::map<std::string, std::int64_t>;

rows::ReadReport read_members(const Json& json) {
  rows::ReadReport out;
  out.rows_read = json.at("rows_read").get<std::int64_t>();
  out.rows_kept = json.at("rows_kept").get<std::int64_t>();
  out.rows_truncated = json.at("rows_truncated").get<std::int64_t>();
  out.boundary_repaired = json.at("boundary_repaired").get<std::int64_t>();
  out.by_shape = json.at("by_shape").get<Counts>();
  out.by_unit = json.at("by_unit").get<Counts>();
  out.dropped = json.at("dropped").get<Counts>();
  out.ties = json.at("ties").get<Counts>();
  out.unused = json.at("unused").get<Counts>();
  out.unread = json.at("unread").get<Counts>();
  out.renamed = json.at("renamed").get<Counts>();
  out.sources = json.at("sources").get<std::vector<std::string>>();
  for (const Json& bin : json.at("lengths")) { out.lengths[bin.at(0).get<std::int64_t>()] = bin.at(1); }
  for (const Json& part : json.at("mixture")) {
    out.mixture.push_back({part.at("name"), part.at("weight"), part.at("rows"), part.at("of")});
  }
  out.groups = json.at("groups").get<std::int64_t>();
  out.largest_group = json.at("largest_group").get<std::int64_t>();
  out.score_mapping = json.at("score_mapping").get<std::string>();
  if (json.contains("score_fits")) { out.score_fits = views::fits_of_json(json.at("score_fits")); }
  return out;
}

}  // namespace

Json report_json(const rows::ReadReport& report) {
  Json lengths = Json::array(), mixture = Json::array();
  for (const auto& [length, count] : report.lengths) { lengths.push_back({length, count}); }
  for (const rows::MixturePart& part : report.mixture) {
    mixture.push_back({{"name", part.name}, {"weight", part.weight}, {"rows", part.rows}, {"of", part.of}});
  }
  Json out = {{"rows_read", report.rows_read},
              {"rows_kept", report.rows_kept},
              {"rows_truncated", report.rows_truncated},
              {"boundary_repaired", report.boundary_repaired},
              {"by_shape", report.by_shape},
              {"by_unit", report.by_unit},
              {"dropped", report.dropped},
              {"ties", report.ties},
              {"unused", report.unused},
              {"unread", report.unread},
              {"renamed", report.renamed},
              {"sources", report.sources},
              {"lengths", lengths},
              {"mixture", mixture},
              {"groups", report.groups},
              {"largest_group", report.largest_group},
              {"score_mapping", report.score_mapping}};
  if (report.score_fits != nullptr) { out["score_fits"] = views::fits_json(*report.score_fits); }
  return out;
}

rows::ReadReport read_report(const Json& json, const std::string& what) {
  try {
    return read_members(json);
  } catch (const Json::exception& error) {
    throw InputError(cat(what, ": not the report of a row cache: ", error.what()));
  }
}

}  // namespace una::data::detail
