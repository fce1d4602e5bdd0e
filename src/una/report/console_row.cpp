#include "una/report/console_row.h"

#include <array>
#include <cmath>

#include "una/base/format.h"

namespace una::report {
namespace {

struct Column {
  const char* name;   // the metric, without eval_
  const char* label;  // what the line says
  int digits;         // significant digits
};
constexpr std::array<Column, 11> kColumns = {{{"loss", "loss", 4},
                                              {"learning_rate", "lr", 3},
                                              {"rewards/chosen", "chosen", 3},
                                              {"rewards/rejected", "rejected", 3},
                                              {"rewards/margins", "margins", 3},
                                              {"rewards/accuracies", "accuracy", 3},
                                              {"margin", "margin", 3},
                                              {"accuracy", "accuracy", 3},
                                              {"objective/scores", "score", 3},
                                              {"objective/kl", "KL", 3},
                                              {"grad_norm", "grad_norm", 3}}};

}  // namespace

std::string console_row(const StoredRow& stored) {
  const LogRow& row = stored.row;
  const bool eval = is_eval_row(row);
  std::string line = cat("step ", row.step, "/", stored.total_steps, "  epoch ", fixed(row.epoch, 2));
  if (eval) { line += "  eval:"; }
  for (const Column& column : kColumns) {
    const auto found = row.values.find((eval ? "eval_" : "") + std::string(column.name));
    if (found == row.values.end()) { continue; }
    const bool finite = std::isfinite(found->second);
    line += cat("  ", column.label, " ", finite ? significant(found->second, column.digits) : "not finite");
  }
  if (const auto speed = row.values.find("tokens_per_second"); speed != row.values.end()) {
    line += cat("  ", thousands(std::llround(speed->second)), " tokens/s");
  }
  if (stored.remaining > 0) { line += "  ETA " + human_seconds(stored.remaining); }
  return line;
}

}  // namespace una::report
