#include "una/study/demo_methods.h"

#include <set>

#include <gtest/gtest.h>

#include "una/setup/methods.h"

namespace una::study {
namespace {

TEST(DemoMethods, EachHasAFolderOfItsOwnAndAMethodThatExists) {
  std::set<std::string> folders;
  for (const DemoMethod& method : demo_methods()) {
    EXPECT_TRUE(folders.insert(method.folder).second) << method.folder;
    EXPECT_FALSE(setup::is_online(method.method)) << method.name;
  }
  for (const OnlineDemoMethod& method : online_demo_methods()) {
    EXPECT_TRUE(folders.insert(method.folder).second) << method.folder;
    EXPECT_TRUE(setup::is_online(method.method)) << method.name;
  }
}

TEST(DemoMethods, WhatTheySetIsReadByTheirMethod) {
  for (const OnlineDemoMethod& method : online_demo_methods()) {
    setup::RunConfig config = setup::default_config(method.method);
    method.keys(config);
    const Settings settings = parse_yaml_settings(print_options(config), "demo.yaml");
    EXPECT_NO_THROW(setup::check_keys_read(settings, config, {})) << method.name;
  }
}

}  // namespace
}  // namespace una::study
