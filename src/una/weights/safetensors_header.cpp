#include "una/weights/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>

#include <simdjson.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/json_line.h"

namespace una::weights::detail {
namespace {

namespace dom = simdjson::dom;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::size_t kMaxDims = 16;

// The keys of one JSON object. The format forbids duplicates, which a JSON library accepts.
class UniqueKeys {
 public:
  UniqueKeys(const std::string& what, const char* where) : what_(what), where_(where) {}
  void add(std::string_view key) {
    check_input(seen_.insert(key).second, what_, ": the key ", quoted(key), " occurs twice in ", where_,
                "; the file is damaged");
  }

 private:
  const std::string& what_;
  const char* where_;
  std::set<std::string_view> seen_;
};

std::vector<std::uint64_t> read_numbers(const dom::element& value, const std::string& where,
                                        std::string_view key) {
  dom::array list;
  check_input(value.get_array().get(list) == simdjson::SUCCESS, where, ": \"", key,
              "\" must be a list of whole numbers");
  std::vector<std::uint64_t> numbers;
  for (const dom::element item : list) {
    std::uint64_t number = 0;
    check_input(item.get_uint64().get(number) == simdjson::SUCCESS, where, ": \"", key,
                "\" must hold whole numbers that are not negative");
    numbers.push_back(number);
  }
  return numbers;
}

const DtypeRow* read_dtype(const dom::element& value, const std::string& where) {
  std::string_view name;
  check_input(value.get_string().get(name) == simdjson::SUCCESS, where, ": \"dtype\" must be a string");
  const DtypeRow* row = find_dtype(name);
  if (row != nullptr) { return row; }
  std::vector<std::string> known;
  for (const DtypeRow& each : dtype_rows()) { known.emplace_back(each.name); }
  throw InputError(cat(where, ": the dtype ", quoted(name), " is not supported (known: ", join(known, " "),
                       "); convert the weights to BF16 first"));
}

// Dimensions of zero count as one, so that no stride of the tensor can overflow either.
void check_shape(const TensorEntry& entry, const std::string& where) {
  check_input(entry.shape.size() <= kMaxDims, where, ": ", entry.shape.size(), " dimensions are too many");
  std::int64_t bytes = static_cast<std::int64_t>(entry.dtype->bytes);
  bool empty = false;
  for (const std::int64_t dim : entry.shape) {
    empty = empty || dim == 0;
    check_input(!__builtin_mul_overflow(bytes, std::max<std::int64_t>(dim, 1), &bytes), where,
                ": the shape is too large for any memory; the file is damaged");
  }
  const std::uint64_t wanted = empty ? 0 : static_cast<std::uint64_t>(bytes);
  check_input(entry.begin <= entry.end, where, ": data_offsets run backwards (", entry.begin, " to ",
              entry.end, ")");
  check_input(entry.end - entry.begin == wanted, where, ": shape and dtype need ", wanted,
              " bytes, but data_offsets span ", entry.end - entry.begin, "; the file is damaged");
}

TensorEntry read_entry(std::string_view name, const dom::element& value, const std::string& what) {
  const std::string where = cat(what, ": tensor ", quoted(name));
  dom::object object;
  check_input(value.get_object().get(object) == simdjson::SUCCESS, where, ": must be a JSON object");
  TensorEntry entry;
  entry.name = name;
  bool has_shape = false, has_offsets = false;
  UniqueKeys keys(what, "one tensor's entry");
  for (const auto field : object) {
    keys.add(field.key);
    if (field.key == "dtype") {
      entry.dtype = read_dtype(field.value, where);
    } else if (field.key == "shape") {
      has_shape = true;
      for (const std::uint64_t dim : read_numbers(field.value, where, "shape")) {
        check_input(dim <= INT64_MAX, where, ": the dimension ", dim, " is too large");
        entry.shape.push_back(static_cast<std::int64_t>(dim));
      }
    } else if (field.key == "data_offsets") {
      has_offsets = true;
      const std::vector<std::uint64_t> offsets = read_numbers(field.value, where, "data_offsets");
      check_input(offsets.size() == 2, where, ": \"data_offsets\" must hold two numbers");
      entry.begin = offsets[0];
      entry.end = offsets[1];
    }
  }
  check_input(entry.dtype != nullptr, where, ": \"dtype\" is missing");
  check_input(has_shape, where, ": \"shape\" is missing");
  check_input(has_offsets, where, ": \"data_offsets\" is missing");
  check_shape(entry, where);
  return entry;
}

void check_metadata(const dom::element& value, const std::string& what) {
  dom::object object;
  check_input(value.get_object().get(object) == simdjson::SUCCESS, what,
              ": \"__metadata__\" must be a JSON object");
  UniqueKeys keys(what, "\"__metadata__\"");
  for (const auto field : object) {
    keys.add(field.key);
    check_input(field.value.is_string(), what, ": \"__metadata__\" must map strings to strings, ",
                quoted(field.key), " does not");
  }
}

// Checks that the tensors cover the data without gaps, overlaps or trailing bytes.
void check_layout(std::vector<TensorEntry>& tensors, std::uint64_t data_bytes, const std::string& what) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t at = 0;
  for (const TensorEntry& entry : tensors) {
    const std::string where = cat(what, ": tensor ", quoted(entry.name));
    check_input(entry.begin >= at, where, " overlaps the one before it; the file is damaged");
    check_input(entry.begin == at, where, " begins at byte ", entry.begin, " of the data, not at ", at,
                ": the hole is not allowed");
    check_input(entry.end <= data_bytes, where, " ends at byte ", entry.end,
                " of the data, but the file holds only ", data_bytes,
                "; the file is cut off, fetch it again");
    at = entry.end;
  }
  check_input(at == data_bytes, what, ": the tensors end at byte ", at, " of the data, but the file holds ",
              data_bytes, "; the file is damaged");
}

std::string_view header_text(std::string_view file, const std::string& what) {
  check_input(file.size() >= kLengthBytes, what, ": ", file.size(),
              " bytes are too few for a safetensors file");
  std::array<unsigned char, kLengthBytes> raw{};
  std::memcpy(raw.data(), file.data(), raw.size());
  std::uint64_t length = 0;
  for (std::size_t i = raw.size(); i-- > 0;) { length = length << 8 | raw[i]; }
  check_input(!starts_with(file, "version https://git-lfs"), what,
              ": a pointer of Git LFS, not the file itself; fetch that with git lfs pull");
  check_input(length <= kMaxHeaderBytes, what, ": a header of ", length, " bytes is over the limit of ",
              kMaxHeaderBytes, "; is this a safetensors file?");
  check_input(length <= file.size() - kLengthBytes, what, ": the header has ", length, " bytes, but only ",
              file.size() - kLengthBytes, " follow; the file is cut off, fetch it again");
  const std::string_view text = file.substr(kLengthBytes, length);
  check_input(!text.empty() && text.front() == '{', what,
              ": the header does not begin with \"{\"; is this a safetensors file?");
  return text;
}

}  // namespace

const std::vector<DtypeRow>& dtype_rows() {
  static const std::vector<DtypeRow> rows = {
      {"U64", at::kUInt64, 8},    {"I64", at::kLong, 8},
      {"F64", at::kDouble, 8},    {"F32", at::kFloat, 4},
      {"U32", at::kUInt32, 4},    {"I32", at::kInt, 4},
      {"BF16", at::kBFloat16, 2}, {"F16", at::kHalf, 2},
      {"U16", at::kUInt16, 2},    {"I16", at::kShort, 2},
      {"I8", at::kChar, 1},       {"U8", at::kByte, 1},
      {"BOOL", at::kBool, 1},     {"F8_E4M3", at::kFloat8_e4m3fn, 1},
  };
  return rows;
}

const DtypeRow* find_dtype(std::string_view name) {
  for (const DtypeRow& row : dtype_rows()) {
    if (name == row.name) { return &row; }
  }
  return nullptr;
}

const DtypeRow* find_dtype(at::ScalarType type) {
  for (const DtypeRow& row : dtype_rows()) {
    if (type == row.type) { return &row; }
  }
  return nullptr;
}

std::string quoted(std::string_view name) {
  constexpr std::size_t kShown = 200;
  const std::string shown(name.substr(0, kShown));
  return dump_json(Json(shown)) + (name.size() > kShown ? "..." : "");
}

Header parse_header(std::string_view file, const std::string& what) {
  const std::string_view text = header_text(file, what);
  dom::parser parser;
  dom::object root;
  const simdjson::padded_string padded(text);
  const simdjson::error_code error = parser.parse(padded).get_object().get(root);
  check_input(error == simdjson::SUCCESS, what,
              ": the header is not a JSON object: ", simdjson::error_message(error));
  Header header;
  header.data_start = kLengthBytes + text.size();
  UniqueKeys keys(what, "the header");
  for (const auto field : root) {
    keys.add(field.key);
    if (field.key == "__metadata__") {
      check_metadata(field.value, what);
    } else {
      header.tensors.push_back(read_entry(field.key, field.value, what));
    }
  }
  check_layout(header.tensors, file.size() - header.data_start, what);
  return header;
}

std::map<std::string, std::string> read_weight_map(std::string_view index, const std::string& what) {
  dom::parser parser;
  dom::object root, map;
  const simdjson::padded_string padded(index);
  const simdjson::error_code error = parser.parse(padded).get_object().get(root);
  check_input(error == simdjson::SUCCESS, what, ": not a JSON object: ", simdjson::error_message(error));
  UniqueKeys members(what, "it");
  for (const auto field : root) { members.add(field.key); }
  const bool found = root["weight_map"].get_object().get(map) == simdjson::SUCCESS && map.size() > 0;
  check_input(found, what, ": \"weight_map\" (tensor name to file name) is missing or empty");
  std::map<std::string, std::string> out;
  for (const auto field : map) {
    check_input(field.value.is_string(), what, ": the file of ", quoted(field.key), " must be a string");
    const bool is_new = out.emplace(field.key, std::string(field.value.get_string().value())).second;
    check_input(is_new, what, ": ", quoted(field.key), " occurs twice in \"weight_map\"");
  }
  return out;
}

std::string print_header(const std::vector<TensorEntry>& tensors) {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  for (const TensorEntry& entry : tensors) {
    std::vector<std::string> dims;
    for (const std::int64_t dim : entry.shape) { dims.push_back(std::to_string(dim)); }
    text += cat(",", Json(entry.name).dump(), ":{\"dtype\":\"", entry.dtype->name, "\",\"shape\":[",
                join(dims, ","), "],\"data_offsets\":[", entry.begin, ",", entry.end, "]}");
  }
  text += "}";
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');
  std::string length;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length += static_cast<char>(static_cast<unsigned char>(text.size() >> (8 * i)));
  }
  return length + text;
}

}  // namespace una::weights::detail
