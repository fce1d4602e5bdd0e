#include "una/rows/files/renames.h"

#include <charconv>
#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/schemas/fields.h"

namespace una::rows {
namespace {

std::optional<std::size_t> element_of(const Json& list, const std::string& step) {
  long long index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc() || end != step.data() + step.size()) { return std::nullopt; }
  if (index < 0) { index += static_cast<long long>(list.size()); }
  if (index < 0 || index >= static_cast<long long>(list.size())) { return std::nullopt; }
  return static_cast<std::size_t>(index);
}

std::optional<Json> take_member(Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end()) { return std::nullopt; }
  Json value = std::move(*found);
  object.erase(name);
  return value;
}

// The value at a path of names and numbers; elements of lists are copied, so that the others keep their places.
std::optional<Json> take_path(Json& row, const std::vector<std::string>& path) {
  Json* at = &row;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool last = i + 1 == path.size();
    if (std::optional<Json> parsed = structure_in(*at)) { *at = *std::move(parsed); }
    if (at->is_array()) {
      const std::optional<std::size_t> element = element_of(*at, path[i]);
      if (!element) { return std::nullopt; }
      at = &(*at)[*element];
      if (last) { return *at; }
    } else if (at->is_object() && last) {
      return take_member(*at, path[i]);
    } else if (at->is_object() && at->contains(path[i])) {
      at = &(*at)[path[i]];
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// Where a member of this name goes: "data.prompt" into the object `data`, if there is one.
Json& place(Json& row, const std::string& name) {
  const std::size_t dot = name.find('.');
  const auto object = dot == name.npos ? row.end() : row.find(name.substr(0, dot));
  return object != row.end() && object->is_object() ? (*object)[name.substr(dot + 1)] : row[name];
}

// An object whose last member was taken is not a column that nothing reads.
void erase_if_emptied(Json& row, const std::vector<std::string>& path) {
  const auto found = path.size() > 1 ? row.find(path[0]) : row.end();
  if (found != row.end() && found->is_object() && found->empty()) { row.erase(path[0]); }
}

}  // namespace

Renames::Renames(const std::vector<std::string>& columns) : used_(new std::atomic<bool>[columns.size()]()) {
  for (const std::string& entry : columns) {
    const std::vector<std::string> parts = split(entry, '=');
    check_input(parts.size() == 2 && !parts[0].empty() && !parts[1].empty(), "--columns: \"", entry,
                "\" is not ours=theirs, for example prompt=question");
    renames_.push_back({parts[0], parts[1], split(parts[1], '.')});
  }
}

void Renames::apply(Json& row) const {
  if (!row.is_object()) { return; }
  std::vector<std::pair<const std::string*, Json>>
      taken;  // all of them first, so that names can be exchanged
  for (std::size_t i = 0; i < renames_.size(); ++i) {
    const Rename& rename = renames_[i];
    std::optional<Json> value = take_member(row, rename.theirs);
    if (!value && rename.path.size() > 1) { value = take_path(row, rename.path); }
    if (!value) { continue; }
    used_[i].store(true, std::memory_order_relaxed);
    taken.emplace_back(&rename.ours, *std::move(value));
  }
  for (auto& [ours, value] : taken) { place(row, *ours) = std::move(value); }
  for (const Rename& rename : renames_) { erase_if_emptied(row, rename.path); }
}

std::string Renames::of_column(const std::string& name) const {
  for (std::size_t i = 0; i < renames_.size(); ++i) {
    if (renames_[i].theirs != name) { continue; }
    used_[i].store(true, std::memory_order_relaxed);
    return renames_[i].ours;
  }
  return name;
}

void Renames::check_used(const std::string& fields) const {
  for (std::size_t i = 0; i < renames_.size(); ++i) {
    check_input(used_[i].load(std::memory_order_relaxed), "--columns: \"", renames_[i].ours, "=",
                renames_[i].theirs, "\" fits no row: none has \"", renames_[i].theirs,
                "\"; the fields of the first row are ", fields);
  }
}

}  // namespace una::rows
