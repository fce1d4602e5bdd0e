#pragma once

#include "una/study/grid/study_options.h"

namespace una::study {

// `una study`: trains every cell of the grid in a process of its own, each seed's start model first, and writes
// study.yaml (the resolved keys), study.json (summary.h), report.html and tables on standard output. Files that are there
// are not made again, so a study that was stopped goes on, and one whose cells are all there only writes its report.
// Returns the exit code.
int run_study(StudyOptions options);

}  // namespace una::study
