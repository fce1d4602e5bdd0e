#include "una/weights/safetensors_header.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/weights/testing.h"

namespace una::weights::detail {
namespace {

std::string length_bytes(std::uint64_t length) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    out[i] = static_cast<char>(static_cast<unsigned char>(length >> (8 * i)));
  }
  return out;
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return length_bytes(header.size()) + header + std::string(data_bytes, 'd');
}

constexpr const char* kGood = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

TEST(SafetensorsHeader, ReadsNamesShapesAndOffsets) {
  const Header header = parse_header(
      file_of(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]},)"
              R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"z":{"dtype":"I64","shape":[0],)"
              R"("data_offsets":[14,14]},"s":{"dtype":"U8","shape":[],"data_offsets":[14,15]}}   )",
              15),
      "f");
  ASSERT_EQ(header.tensors.size(), 4U);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(header.tensors[1].name, "b");
  EXPECT_EQ(header.tensors[1].dtype->type, at::kBFloat16);
  EXPECT_EQ(header.tensors[2].name, "z");
  EXPECT_EQ(header.tensors[3].end, 15U);
}

TEST(SafetensorsHeader, AFileWithoutTensorsIsValid) {
  EXPECT_TRUE(parse_header(file_of("{}", 0), "f").tensors.empty());
  EXPECT_TRUE(parse_header(file_of(R"({"__metadata__":{}}     )", 0), "f").tensors.empty());
}

struct Fault {
  std::string name, header;
  std::size_t data_bytes;
  std::string expected;  // part of the sentence
};

std::string one(const std::string& entry) { return "{\"a\":" + entry + "}"; }

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      {"NotJson", R"({"a":)", 0, "not a JSON object"},
      {"NotAnObject", "[1]", 0, "does not begin with"},
      {"LeadingSpace", std::string(" ") + kGood, 8, "does not begin with"},
      {"TextAfterTheObject", std::string(kGood) + "x", 8, "not a JSON object"},
      {"NotUtf8", "{\"\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
       "not a JSON object"},
      {"DeepNesting", "{\"a\":" + std::string(5000, '['), 0, "not a JSON object"},
      {"UnknownDtype", one(R"({"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]})"), 1,
       "\"F8_E5M2\" is not supported"},
      {"DtypeIsANumber", one(R"({"dtype":4,"shape":[1],"data_offsets":[0,1]})"), 1,
       "\"dtype\" must be a string"},
      {"DtypeMissing", one(R"({"shape":[1],"data_offsets":[0,1]})"), 1, "\"dtype\" is missing"},
      {"ShapeMissing", one(R"({"dtype":"U8","data_offsets":[0,1]})"), 1, "\"shape\" is missing"},
      {"OffsetsMissing", one(R"({"dtype":"U8","shape":[1]})"), 1, "\"data_offsets\" is missing"},
      {"EntryIsAList", one("[]"), 0, "must be a JSON object"},
      {"ShapeIsAString", one(R"({"dtype":"U8","shape":"1","data_offsets":[0,1]})"), 1, "must be a list"},
      {"NegativeDimension", one(R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})"), 1, "not negative"},
      {"FractionalDimension", one(R"({"dtype":"U8","shape":[1.5],"data_offsets":[0,1]})"), 1,
       "whole numbers"},
      {"DimensionBeyondInt64", one(R"({"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]})"), 1,
       "too large"},
      {"NumberBeyondUint64", one(R"({"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]})"), 1,
       "not a JSON object"},
      {"ProductOverflows", one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})"), 0,
       "too large for any memory"},
      {"OverflowHiddenByAZero",
       one(R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})"), 0,
       "too large for any memory"},
      {"TooManyDimensions",
       one(R"({"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]})"), 1,
       "dimensions are too many"},
      {"OneOffset", one(R"({"dtype":"U8","shape":[1],"data_offsets":[0]})"), 1, "two numbers"},
      {"ThreeOffsets", one(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})"), 1, "two numbers"},
      {"BackwardOffsets", one(R"({"dtype":"U8","shape":[1],"data_offsets":[1,0]})"), 1, "run backwards"},
      {"ShapeAgainstOffsets", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), 4, "need 8 bytes"},
      {"DtypeAgainstOffsets", one(R"({"dtype":"F16","shape":[2],"data_offsets":[0,8]})"), 8, "need 4 bytes"},
      {"HoleAtTheStart", one(R"({"dtype":"U8","shape":[1],"data_offsets":[1,2]})"), 2, "hole"},
      {"HoleBetween",
       R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3, "hole"},
      {"Overlap",
       R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
       3, "\"b\" overlaps"},
      {"SameBytesTwice",
       R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2, "overlaps"},
      {"BeyondTheFile", kGood, 7, "cut off"},
      {"BytesLeftOver", kGood, 9, "the file holds 9"},
      {"DataWithoutTensors", "{}", 1, "the file holds 1"},
      {"TensorTwice",
       R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
       0, "\"a\" occurs twice"},
      {"TensorTwiceByEscape",
       R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
       0, "\"a\" occurs twice"},
      {"FieldTwice", one(R"({"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]})"), 0,
       "occurs twice"},
      {"MetadataIsAList", R"({"__metadata__":[]})", 0, "must be a JSON object"},
      {"MetadataHoldsANumber", R"({"__metadata__":{"format":1}})", 0, "strings to strings"},
      {"MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", 0, "occurs twice"},
      {"MetadataKeyTwice", R"({"__metadata__":{"a":"1","a":"2"}})", 0, "occurs twice"},
  };
  return all;
}

TEST(SafetensorsHeader, EveryFaultIsRefusedWithItsReason) {
  for (const Fault& fault : faults()) {
    const std::string error =
        error_of([&] { parse_header(file_of(fault.header, fault.data_bytes), "the-file"); });
    EXPECT_NE(error.find("the-file"), std::string::npos) << fault.name << ": " << error;
    EXPECT_NE(error.find(fault.expected), std::string::npos) << fault.name << ": " << error;
  }
}

TEST(SafetensorsHeader, ALyingLengthIsRefused) {
  const auto error = [](const std::string& file) { return error_of([&] { parse_header(file, "f"); }); };
  EXPECT_NE(error("").find("too few"), std::string::npos);
  EXPECT_NE(error("1234567").find("too few"), std::string::npos);
  EXPECT_NE(error(length_bytes(0)).find("does not begin with"), std::string::npos);
  EXPECT_NE(error(length_bytes(3) + "{}").find("cut off"), std::string::npos);
  EXPECT_NE(error(length_bytes(kMaxHeaderBytes) + "{}").find("cut off"), std::string::npos);
  EXPECT_NE(error(length_bytes(kMaxHeaderBytes + 1) + "{}").find("over the limit"), std::string::npos);
  EXPECT_NE(error(length_bytes(UINT64_MAX) + "{}").find("over the limit"), std::string::npos);
  EXPECT_NE(error(length_bytes(UINT64_MAX - 7) + "{}").find("over the limit"), std::string::npos);
  // A header that claims data bytes as its own: the JSON breaks.
  EXPECT_NE(error(length_bytes(std::strlen(kGood) + 4) + kGood + "ddddddddd").find("JSON"),
            std::string::npos);
}

TEST(SafetensorsHeader, EveryTruncationIsRefused) {
  const std::string whole = file_of(kGood, 8);
  EXPECT_NO_THROW(parse_header(whole, "f"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(parse_header(whole.substr(0, size), "f"), InputError) << size;
  }
}

TEST(SafetensorsHeader, PrintsWithPaddingToEight) {
  const std::vector<TensorEntry> tensors = {{"a\"\n\x01\x7f\xc3\xa9", find_dtype("F32"), {2}, 0, 8}};
  const std::string header = print_header(tensors);
  const std::string json = R"({"__metadata__":{"format":"pt"},"a\"\n\u0001)"
                           "\x7f\xc3\xa9"
                           R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(header.size() % 8, 0U);
  EXPECT_EQ(header.substr(8, json.size()), json);
  EXPECT_EQ(header.find_first_not_of(' ', 8 + json.size()), std::string::npos);
  EXPECT_EQ(parse_header(header + "dddddddd", "f").tensors.at(0).name, "a\"\n\x01\x7f\xc3\xa9");
}

// Damages one file in random ways. It must be read or refused, and what is read must be inside the file.
class Mutator {
 public:
  explicit Mutator(std::uint64_t index) : rng_(20240607, stream_id("header mutation"), index) {}

  std::string operator()(std::string file) {
    const std::uint64_t count = 1 + rng_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) { change(file); }
    return file;
  }

 private:
  void change(std::string& file) {
    static const std::vector<std::string> words = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   "\"",
                                                   "-1",
                                                   "18446744073709551615",
                                                   "9223372036854775807",
                                                   "1e300",
                                                   "null",
                                                   "true",
                                                   "\"__metadata__\":{}",
                                                   "\"dtype\":\"F64\"",
                                                   "\"shape\":[0]",
                                                   "\"data_offsets\":[0,8]",
                                                   "\\u0000",
                                                   "\xff",
                                                   "[0,0]",
                                                   "4294967296"};
    const std::size_t at = file.empty() ? 0 : rng_.below(std::min<std::size_t>(file.size(), 400));
    switch (rng_.below(7)) {
      case 0:
        if (!file.empty()) { file[at] = static_cast<char>(rng_.below(256)); }
        break;
      case 1:
        if (!file.empty()) { file[at] = static_cast<char>(file[at] ^ (1 << rng_.below(7))); }
        break;
      case 2:
        file.erase(at, 1 + rng_.below(20));
        break;
      case 3:
        file.insert(at, words[rng_.below(words.size())]);
        break;
      case 4:
        file.resize(rng_.below(file.size() + 20));
        break;
      case 5:  // a digit for a digit keeps the JSON valid
        if (const std::size_t digit = file.find_first_of("0123456789", at); digit != std::string::npos) {
          file[digit] = static_cast<char>('0' + rng_.below(10));
        }
        break;
      default:  // repair the length, so that the mutations reach the JSON
        if (const std::size_t end = file.rfind('}'); end != std::string::npos && end >= 8) {
          file.replace(0, 8, length_bytes(end - 7));
        }
    }
  }

  Rng rng_;
};

TEST(SafetensorsHeader, RandomDamageIsReadOrRefusedNeverWorse) {
  const std::string whole =
      file_of(R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
              R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"n":{"dtype":"I64","shape":[0,2],)"
              R"("data_offsets":[32,32]},"f":{"dtype":"BOOL","shape":[],"data_offsets":[32,33]}} )",
              33);
  ASSERT_NO_THROW(parse_header(whole, "f"));
  int read = 0, refused = 0;
  for (std::uint64_t i = 0; i < 8000; ++i) {
    const std::string file = Mutator(i)(whole);
    try {
      const Header header = parse_header(file, "f");
      ++read;
      for (const TensorEntry& entry : header.tensors) {
        ASSERT_LE(entry.begin, entry.end);
        ASSERT_LE(header.data_start + entry.end, file.size()) << i;
      }
    } catch (const InputError&) { ++refused; }
  }
  EXPECT_GT(read, 20);
  EXPECT_GT(refused, 6000);
}

}  // namespace
}  // namespace una::weights::detail
