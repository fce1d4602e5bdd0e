#include "una/data/row_codec.h"

#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::data::detail {
namespace {

class ByteWriter {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  void put_all(const std::vector<T>& values) {
    put(static_cast<std::uint32_t>(values.size()));
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  void put_text(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// std::out_of_range behind the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    T value;
    const std::string_view bytes = next(sizeof value);
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  template <class T>
  std::vector<T> take_all() {
    const auto count = take<std::uint32_t>();
    const std::string_view bytes = next(std::size_t{count} * sizeof(T));
    std::vector<T> values(count);
    if (count > 0) { std::memcpy(values.data(), bytes.data(), bytes.size()); }
    return values;
  }
  std::string take_text() { return std::string(next(take<std::uint32_t>())); }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view next(std::size_t count) {
    if (count > rest_.size()) { throw std::out_of_range("row record"); }
    const std::string_view out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  std::string_view rest_;
};

// Lengths of the runs of equal values, the first run of zeros (which may be empty).
std::vector<std::uint32_t> runs_of(const std::vector<std::uint8_t>& mask) {
  std::vector<std::uint32_t> runs = {0};
  std::uint8_t value = 0;
  for (const std::uint8_t bit : mask) {
    if (bit != value) { runs.push_back(0); }
    value = bit;
    ++runs.back();
  }
  return runs;
}

std::vector<std::uint8_t> mask_of(const std::vector<std::uint32_t>& runs, std::size_t size) {
  std::vector<std::uint8_t> mask;
  std::uint8_t value = 0;
  for (const std::uint32_t run : runs) {
    if (run > size - mask.size()) { throw std::out_of_range("row record"); }
    mask.insert(mask.end(), run, value);
    value ^= 1;
  }
  if (mask.size() != size) { throw std::out_of_range("row record"); }
  return mask;
}

void put_sequence(const Sequence& sequence, ByteWriter& out) {
  out.put_all(sequence.ids);
  out.put_all(runs_of(sequence.loss_mask));
  out.put(sequence.target);
  out.put(sequence.raw_score);
  out.put(sequence.answer_weight);
  out.put(sequence.sampler);
  out.put_all(sequence.ref_rewards.raw);
  out.put_all(sequence.ref_rewards.scores);
  out.put(sequence.ref_rewards.has_own);
  out.put(static_cast<std::uint32_t>(sequence.columns.size()));
  for (const auto& [name, values] : sequence.columns) {
    out.put_text(name);
    out.put_all(values);
  }
}

Sequence take_sequence(ByteReader& in) {
  Sequence sequence;
  sequence.ids = in.take_all<std::int32_t>();
  sequence.loss_mask = mask_of(in.take_all<std::uint32_t>(), sequence.ids.size());
  sequence.target = in.take<double>();
  sequence.raw_score = in.take<double>();
  sequence.answer_weight = in.take<double>();
  sequence.sampler = in.take<Sampler>();
  sequence.ref_rewards.raw = in.take_all<double>();
  sequence.ref_rewards.scores = in.take_all<double>();
  sequence.ref_rewards.has_own = in.take<bool>();
  for (auto left = in.take<std::uint32_t>(); left > 0; --left) {
    const std::string name = in.take_text();
    sequence.columns[name] = in.take_all<float>();
  }
  return sequence;
}

Row take_row(ByteReader& in, const NameTable& files) {
  Row row;
  row.where.file = files.name(in.take<std::uint32_t>());
  row.where.line = in.take<std::int64_t>();
  row.unit = in.take<Unit>();
  row.source = in.take<std::int32_t>();
  row.group_id = in.take<std::uint64_t>();
  row.weight = in.take<double>();
  row.margin = in.take<double>();
  row.has_margin = in.take<bool>();
  for (auto left = in.take<std::uint32_t>(); left > 0; --left) { row.sequences.push_back(take_sequence(in)); }
  if (!in.at_end()) { throw std::out_of_range("row record"); }
  return row;
}

}  // namespace

std::uint32_t NameTable::number(const std::string& name) {
  const auto [found, is_new] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) { names_.push_back(name); }
  return found->second;
}

std::string encode_row(const Row& row, NameTable& files) {
  ByteWriter out;
  out.put(files.number(row.where.file));
  out.put(row.where.line);
  out.put(row.unit);
  out.put(row.source);
  out.put(row.group_id);
  out.put(row.weight);
  out.put(row.margin);
  out.put(row.has_margin);
  out.put(static_cast<std::uint32_t>(row.sequences.size()));
  for (const Sequence& sequence : row.sequences) { put_sequence(sequence, out); }
  return out.take();
}

Row decode_row(std::string_view bytes, const NameTable& files, const std::string& what) {
  try {
    ByteReader in(bytes);
    return take_row(in, files);
  } catch (const std::out_of_range&) {
    throw InputError(cat(what, " is damaged: remove it, it will be made again"));
  }
}

}  // namespace una::data::detail
