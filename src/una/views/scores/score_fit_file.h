#pragma once

#include <memory>
#include <string>

#include "una/base/json.h"
#include "una/views/scores/score_mappings.h"

// score_fit.json of a run folder: what a run's score mapping learnt, so that other rows are mapped by the
// same numbers (--score_fit). {"mapping": "min_max", "by_source": {NAME: ScoreFit::state()}}
namespace una::views {

// Into `folder`, whole or not at all. Nothing is written where nothing was fitted.
void write_score_fits(const rows::ScoreFits* fits, const std::string& folder);

// `path` is the file or the folder that holds it. InputError naming the file: there is none, or it is none
// of ours.
std::shared_ptr<const rows::ScoreFits> read_score_fits(const std::string& path);

Json fits_json(const rows::ScoreFits& fits);
// Json::exception or InputError (without a place) on what fits_json did not write.
std::shared_ptr<const rows::ScoreFits> fits_of_json(const Json& json);

}  // namespace una::views
