#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "una/core/sequence.h"

namespace una::data::detail {

// Names that records refer to by number: files of Where.
class NameTable {
 public:
  NameTable() = default;
  explicit NameTable(std::vector<std::string> names) : names_(std::move(names)) {}
  std::uint32_t number(const std::string& name);
  const std::string& name(std::uint32_t number) const { return names_.at(number); }  // std::out_of_range
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::uint32_t> numbers_;
};

// A row as bytes of this machine's order, everything of it but Row::index. The mask is stored as run lengths.
std::string encode_row(const Row& row, NameTable& files);

// InputError "<what> is damaged ..." when the bytes are not a row.
Row decode_row(std::string_view bytes, const NameTable& files, const std::string& what);

}  // namespace una::data::detail
