#include "una/net/secrets.h"

#include <string>

#include <gtest/gtest.h>

#include "una/base/json.h"

namespace una::net {
namespace {

const std::string kKey = "sk-Not/For-Logs_0123456789";

std::string redacted(const std::string& text) { return Secrets({kKey}).redacted(text); }

TEST(Secrets, BlotOutAKeyInEveryFormInWhichServersEchoIt) {
  EXPECT_EQ(redacted("bad key " + kKey + "!"), "bad key ***!");
  EXPECT_EQ(redacted("bad key sk%2dNot%2FFor-Logs%5F0123456789!"), "bad key ***!");
  EXPECT_EQ(redacted(R"(bad key sk\u002dNot\/For\u002DLogs_0123456789!)"), "bad key ***!");
  EXPECT_EQ(redacted("bad key sk&#45;Not&#x2f;For-Logs_0123456789!"), "bad key ***!");
  EXPECT_EQ(redacted("bad key sk-Not/For-\r\n\t Logs_0123456789!"), "bad key ***!");
  EXPECT_EQ(redacted(R"(bad key sk-Not/For-\nLogs_0123456789!)"), "bad key ***!");
  EXPECT_EQ(redacted(R"({"body": "{\"key\": \"sk\\u002dNot\\/For-Logs_0123456789\"}"})"),
            R"({"body": "{\"key\": \"***\"}"})");
  EXPECT_EQ(redacted(kKey + " and " + kKey), "*** and ***");
}

TEST(Secrets, BlotOutAKeyThatWasCut) {
  for (std::size_t lost = 1; lost <= kKey.size() / 2; ++lost) {
    EXPECT_EQ(redacted("key " + kKey.substr(lost) + "."), "key ***.") << lost;
    EXPECT_EQ(redacted("key " + kKey.substr(0, kKey.size() - lost) + "..."), "key ***...") << lost;
  }
  EXPECT_EQ(redacted("key sk-Not..."), "key sk-Not...") << "too little to be of use";
}

TEST(Secrets, LeaveOtherTextAsItIs) {
  const std::string text = "100 % of \\frac{1}{2}, %zz, \\u12, &#; &amp; \"a\\\\b\" \xC3\xA9";
  EXPECT_EQ(redacted(text), text);
  EXPECT_EQ(Secrets({""}).redacted(text), text);
  EXPECT_EQ(Secrets({"1"}).redacted(text), text);
  EXPECT_EQ(Secrets().redacted(kKey), kKey);
}

TEST(Secrets, AJsonTextStaysOne) {
  const Json reply{{"error", "unknown key " + kKey}, {"again", {kKey, "\n" + kKey + "\""}}};
  const Json read = Json::parse(redacted(reply.dump()));
  EXPECT_EQ(read["error"], "unknown key ***");
  EXPECT_EQ(read["again"], Json::array({"***", "\n***\""}));
  EXPECT_EQ(Secrets({"nvapi-0123456789"}).redacted(R"({"error": "\nvapi-0123456789"})"),
            R"({"error": "***"})")
      << "half an escape is none";
}

TEST(Secrets, ALongTextIsReadToItsEnd) {
  for (const std::size_t before : {65500UL, 65536UL, 200000UL}) {
    const std::string start(before, 'x'), end(300, '.');
    EXPECT_EQ(redacted(start + kKey + end), start + "***" + end) << before;
  }
}

}  // namespace
}  // namespace una::net
