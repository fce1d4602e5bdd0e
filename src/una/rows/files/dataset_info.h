#pragma once

#include <map>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"

// LLaMA-Factory's dataset_info.json: for each data set its file, its style (alpaca, sharegpt, openai),
// whether its rows are pairs, and what its columns and speakers are called.
namespace una::rows {

// One data set of LLaMA-Factory's dataset_info.json.
class DatasetEntry {
 public:
  // InputError on what we cannot read: data on servers, scripts, media, a part of the rows.
  DatasetEntry(std::string name, const Json& entry, const std::string& info_path);

  const std::string& name() const { return name_; }
  const std::string& file_name() const { return file_name_; }

  // The row under the names that the shapes know. Columns that the entry does not name are left behind,
  // except weight, margin, group_id, source and chat_template_kwargs. InputError "file:line: ...".
  Json row(const Json& theirs, const Where& where) const;

  // Columns that hold something and that the entry does not name. InputError when one of them looks like feedback
  // on an answer that would be a demonstration without it.
  std::vector<std::string> unread(const Json& theirs, const Where& where) const;

 private:
  // The user's column for one of LLaMA-Factory's parts; "": there is none.
  std::string column(const char* part) const;
  Json message(const Json& theirs, const std::string& field, const Where& where) const;
  Json messages(const Json& theirs, const std::string& field, const Where& where) const;
  Json alpaca(const Json& theirs, const Where& where) const;
  Json sharegpt(const Json& theirs, const Where& where) const;
  void copy(const Json& theirs, const char* part, Json& out) const;

  std::string name_, file_name_, formatting_, info_path_;
  bool ranking_ = false;
  std::map<std::string, std::string> columns_, tags_;
};

// The description of all data sets of a folder. InputError when there is none.
Json read_dataset_info(const std::string& folder);
std::string dataset_info_path(const std::string& folder);

}  // namespace una::rows
