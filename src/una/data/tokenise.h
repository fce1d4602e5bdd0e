#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "una/data/dataset.h"
#include "una/rows/data_options.h"
#include "una/rows/drops.h"

namespace una::data::detail {

// Examples -> rows of token ids by the boundary and length rules, on all cores. Counts go into `report`
// (report.sources grows as needed, Row::source indexes it), rows that are left out into `drops`. Row::index
// is the caller's to set.
class RowTokeniser {
 public:
  // The arguments outlive this.
  RowTokeniser(const rows::DataOptions& options, const text::Encoder& encoder, rows::ReadReport& report,
               rows::DropLog& drops);
  ~RowTokeniser();
  RowTokeniser(const RowTokeniser&) = delete;
  RowTokeniser& operator=(const RowTokeniser&) = delete;

  // One entry an example, without a value where its row is left out.
  std::vector<std::optional<Row>> rows(const std::vector<const Example*>& examples);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// All examples at once, in order; Row::index is set.
std::vector<Row> tokenise(const std::vector<Example>& examples, const rows::DataOptions& options,
                          const text::Encoder& encoder, rows::ReadReport& report, rows::DropLog& drops);

}  // namespace una::data::detail
