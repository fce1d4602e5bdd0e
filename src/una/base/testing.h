#pragma once

#include <string>

namespace una {

// A fresh empty folder for one test, below $UNA_TEST_TMP (or the system's temporary folder).
std::string test_folder(const std::string& name);

// ../shared/data when $UNA_TEST_DATA or the folder next to the project has it, else "": the test skips.
std::string shared_data_folder();

}  // namespace una
