#pragma once

#include <map>
#include <string>
#include <vector>

namespace una::run {

// The key report_to: the trackers whose files a run writes, by transformers' names. InputError for others; those that read
// the files of another tracker are named with the way to do it.
void check_report_to(const std::vector<std::string>& names);
bool reports_to(const std::vector<std::string>& names, const std::string& tracker);

// W&B's project as transformers takes it: $WANDB_PROJECT, else "huggingface".
std::string tracker_project();

// What a tracker shows of a run's settings: each key of run.yaml with its value as one line of text.
std::map<std::string, std::string> tracker_params(const std::string& run_yaml);

}  // namespace una::run
