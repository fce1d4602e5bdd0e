#include "una/report/trackers/wire_format.h"

#include <gtest/gtest.h>

namespace una::report {
namespace {

// The check values of both polynomials in Williams' catalogue of CRCs.
TEST(WireFormat, BothChecksumsHaveTheirPublishedCheckValue) {
  EXPECT_EQ(crc32("123456789", kZlib), 0xCBF43926U);
  EXPECT_EQ(crc32("123456789", kCastagnoli), 0xE3069283U);
}

// The examples of protobuf's description of its encoding.
TEST(WireFormat, FieldsAreEncodedAsProtobufDescribesThem) {
  std::string number, text;
  put_number(number, 1, 150);
  EXPECT_EQ(number, "\x08\x96\x01");
  put_field(text, 2, "testing");
  EXPECT_EQ(text, "\x12\x07testing");
}

}  // namespace
}  // namespace una::report
