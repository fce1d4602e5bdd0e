#include "una/run/score_lines.h"

#include "una/base/files/file_writer.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"

namespace una::run {

void write_lines_of_all(const std::string& path, const dist::Gang& gang,
                        const std::function<void(const std::function<void(const Json& line)>& write)>& work) {
  if (!gang.leads()) {
    return work([](const Json& /*line*/) {});
  }
  write_file_with(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    work([&](const Json& line) { out.write(json_line(line)); });
    out.close();
  });
}

}  // namespace una::run
