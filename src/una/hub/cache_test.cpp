#include "una/hub/cache.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::hub {
namespace {

template <class Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

// A cache with one model in one revision, as huggingface_hub lays it out.
class Cache : public ::testing::Test {
 protected:
  void SetUp() override {
    cache_ = test_folder("hub");
    setenv("HF_HUB_CACHE", cache_.c_str(), 1);
    make_folder(cache_ + "/models--org--tiny/snapshots/abc123");
    make_folder(cache_ + "/models--org--tiny/refs/pr");
    write_file(cache_ + "/models--org--tiny/refs/main", "abc123");
    write_file(cache_ + "/models--org--tiny/refs/pr/1", "def456");
  }
  void TearDown() override { unsetenv("HF_HUB_CACHE"); }

  std::string cache_;
};

TEST_F(Cache, ANameIsItsSnapshotInTheMainRevisionOrTheGivenOne) {
  const std::string snapshot = cache_ + "/models--org--tiny/snapshots/abc123";
  for (const char* name : {"org/tiny", "org/tiny@main", "org/tiny@abc123"}) {
    const auto found = find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->folder, snapshot);
    EXPECT_EQ(found->revision, "abc123");
  }
  std::string model = "org/tiny";
  resolve(model);
  EXPECT_EQ(model, snapshot);
}

struct Keys {
  std::string model_name_or_path = "org/tiny", adapter = "org/tiny@main", ref_model = "org/tiny",
              dataset = "org/tiny";
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "");
    v("ref_model", ref_model, "");
    v("critic_from", adapter, "");
    v("dataset_name", dataset, "");
  }
};

TEST_F(Cache, EveryKeyThatNamesAModelTakesOne) {
  const std::string snapshot = cache_ + "/models--org--tiny/snapshots/abc123";
  Keys keys;
  resolve_all(keys);
  EXPECT_EQ(keys.model_name_or_path, snapshot);
  EXPECT_EQ(keys.adapter, snapshot);
  EXPECT_EQ(keys.ref_model, snapshot);
  EXPECT_EQ(keys.dataset, "org/tiny") << "not a model's key";
}

TEST_F(Cache, ARevisionThatIsNotThereIsNamedWithThoseThatAre) {
  const std::string missing = error_of([] { find("org/tiny@v2"); });
  EXPECT_NE(missing.find("'v2'"), std::string::npos) << missing;
  EXPECT_NE(missing.find("main, pr/1"), std::string::npos) << missing;
  EXPECT_NE(error_of([] { find("org/tiny@pr/1"); }), "") << "a reference without its snapshot";
  EXPECT_NE(error_of([] { find("org/tiny@../../etc"); }), "");
}

TEST_F(Cache, APathOrAnUnknownNameStays) {
  EXPECT_FALSE(find("org/other"));
  for (const std::string name : {"org/other", "/org/tiny", "./org/tiny", "tiny", "", "a/b/c", "org/"}) {
    std::string model = name;
    resolve(model);
    EXPECT_EQ(model, name);
  }
}

TEST_F(Cache, TheFolderIsThatOfHuggingfaceHub) {
  EXPECT_EQ(cache_folder(), cache_);
  unsetenv("HF_HUB_CACHE");
  setenv("HF_HOME", "/somewhere", 1);
  EXPECT_EQ(cache_folder(), "/somewhere/hub");
  unsetenv("HF_HOME");
  setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(cache_folder(), "/caches/huggingface/hub");
  unsetenv("XDG_CACHE_HOME");
}

}  // namespace
}  // namespace una::hub
