#include "una/net/http.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::net {
namespace {

TEST(Http, UrlsAreShownWithoutWhatIsSecret) {
  EXPECT_EQ(shown_url("https://user:pass@host:8443/v1/x?key=secret#part"), "https://host:8443/v1/x");
  EXPECT_EQ(shown_url("http://host/a"), "http://host/a");
  EXPECT_EQ(shown_url("http://host?token=a@b"), "http://host");
}

TEST(Http, PartsOfUrls) {
  EXPECT_EQ(url_scheme("HTTPS://Host/x"), "https");
  EXPECT_EQ(url_host("HTTPS://me@Host:99/x"), "host");
  EXPECT_EQ(url_host("http://[::1]:80/"), "::1");
  EXPECT_TRUE(is_loopback("http://[::1]:80/"));
  EXPECT_TRUE(is_loopback("http://127.0.0.1:80/"));
  EXPECT_FALSE(is_loopback("http://example.org/127.0.0.1"));
}

TEST(Http, WhatIsNoAddressIsRefusedByName) {
  EXPECT_NO_THROW(check_url("http://localhost:1/x", "base_url"));
  for (const char* bad : {"localhost:8000", "ftp://host/", "http://", "http:///path", "http://a b/"}) {
    EXPECT_THROW(check_url(bad, "base_url"), InputError) << bad;
  }
}

TEST(Http, KeysComeTrimmedFromTheEnvironmentAndAreNotShown) {
  const char* variable = "UNA_TEST_NET_KEY";
  ::unsetenv(variable);
  EXPECT_EQ(environment_key(variable, "https://h/"), "");
  ::setenv(variable, " sk-1 \n", 1);
  EXPECT_EQ(environment_key(variable, "https://h/"), "sk-1");
  ::setenv(variable, "sk-1\r\nX: y", 1);
  try {
    environment_key(variable, "https://h/");
    ADD_FAILURE() << "a header could be smuggled in";
  } catch (const InputError& error) {
    EXPECT_EQ(std::string(error.what()).find("sk-1"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(variable), std::string::npos);
  }
}

TEST(Http, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(parse_retry_after(" 2.5\r\n", 0), 2.5);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40), 60);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400), 0);
  EXPECT_FALSE(parse_retry_after("soon", 0).has_value());
  EXPECT_FALSE(parse_retry_after("-3", 0).has_value());
}

TEST(Http, AnExcerptIsOneShortLine) {
  EXPECT_EQ(excerpt("  {\n  \"error\":\t\"bad key ***\"\n}"), "{ \"error\": \"bad key ***\" }");
  const std::string longer = excerpt(std::string(199, 'a') + "\xC3\xA9" + std::string(50, 'b'));
  EXPECT_EQ(longer, std::string(199, 'a') + "...");
}

}  // namespace
}  // namespace una::net
