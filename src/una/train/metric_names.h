#pragma once

#include <string>
#include <vector>

namespace una::train {

// The metrics that evaluations may have, without "eval_": of rows under any method, of held-out answers and of times.
const std::vector<std::string>& evaluation_metrics();

// InputError, naming them all, where no evaluation has a metric of this name, with or without "eval_". Names that begin
// with one of `tasks` and "_" are a task's; una/... and loss/... are a method's own.
void check_metric_name(const std::string& name, const std::vector<std::string>& tasks);

}  // namespace una::train
