#include "una/views/scores/score_fit_file.h"

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json_line.h"
#include "una/base/json_text.h"

namespace una::views {
Json fits_json(const rows::ScoreFits& fits) {
  Json by_source = Json::object();
  for (const auto& [source, fit] : fits.by_source) { by_source[source] = fit->state(); }
  return {{"mapping", fits.mapping}, {"by_source", by_source}};
}

std::shared_ptr<const rows::ScoreFits> fits_of_json(const Json& json) {
  auto fits = std::make_shared<rows::ScoreFits>();
  fits->mapping = json.at("mapping").get<std::string>();
  const ScoreMapping& mapping = find_score_mapping(fits->mapping);
  check_input(mapping.read != nullptr, "\"mapping\" is ", fits->mapping, ", which is fitted to nothing");
  for (const auto& [source, state] : json.at("by_source").items()) {
    fits->by_source[source] = mapping.read(state);
  }
  return fits;
}

void write_score_fits(const rows::ScoreFits* fits, const std::string& folder) {
  if (fits == nullptr || fits->by_source.empty()) { return; }
  write_file(rows::score_fit_path(folder), print_json(fits_json(*fits)));
}

std::shared_ptr<const rows::ScoreFits> read_score_fits(const std::string& path) {
  const std::string file = rows::score_fit_path(path);
  check_input(is_file(file), "--score_fit: there is no ", file,
              "; give the folder of a run with --score_mapping min_max, quantile or "
              "z_score, or its score_fit.json");
  const Json json = read_json_file(file);
  const auto refuse = [&](const std::string& reason) {
    throw InputError(
        cat(file, ": not the score mapping of a run (", reason, "); give the score_fit.json that una wrote"));
  };
  try {
    auto fits = fits_of_json(json);
    check_input(!fits->by_source.empty(), "\"by_source\" is empty");
    return fits;
  } catch (const Json::exception& error) { refuse(json_reason(error)); } catch (const InputError& error) {
    refuse(error.what());
  }
  return nullptr;
}

}  // namespace una::views
