#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/base/error.h"
#include "una/base/options.h"

// A run.yaml: what is understood, printed as YAML again, must mean the same.
namespace {

struct Options {
  bool flag = false;
  std::int64_t count = 3;
  double rate = 0.5;
  std::string name = "x";
  std::vector<std::string> names = {"a", "b"};
  std::optional<bool> maybe_flag;
  std::optional<std::int64_t> maybe_count;
  std::optional<double> maybe_rate;
  std::optional<std::string> maybe_name;
  template <class V>
  void fields(V&& v) {
    v("flag", flag, "");
    v("count", count, "");
    v("rate", rate, "");
    v("name", name, "");
    v("names", names, "");
    v("maybe_flag", maybe_flag, "");
    v("maybe_count", maybe_count, "");
    v("maybe_rate", maybe_rate, "");
    v("maybe_name", maybe_name, "");
  }
};

Options read(const std::string& text) {
  const una::Settings settings = una::parse_yaml_settings(text, "run.yaml");
  una::check_known(settings, una::describe_options(Options{}), {{"lr", "rate"}});
  Options options;
  una::read_options(settings, options);
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string printed;
  try {
    printed = una::print_options(read(std::string(reinterpret_cast<const char*>(data), size)));
  } catch (const una::InputError&) {  // the only way out that is allowed
    return 0;
  }
  try {
    una::check(una::print_options(read(printed)) == printed, "fuzz: the printed options mean something else");
  } catch (const una::InputError&) {
    una::check(false, "fuzz: the printed options are refused");
  }
  return 0;
}
