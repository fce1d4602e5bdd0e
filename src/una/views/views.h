#pragma once

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "una/rows/data_options.h"
#include "una/rows/drops.h"
#include "una/rows/read_report.h"
#include "una/rows/schemas/schema.h"

namespace una::views {

// What earlier rows said, by hash; grows with the rows.
using SeenRows = std::unordered_set<std::uint64_t>;

// Takes degenerate rows out: empty answers, chosen = rejected, exact duplicates (also of rows `seen` before),
// missing scores.
void remove_degenerate(std::vector<rows::ReadRow>& rows, SeenRows& seen, rows::DropLog& drops);
void remove_degenerate(std::vector<rows::ReadRow>& rows, rows::DropLog& drops);  // of all rows at once

// The same for examples: what a derived row repeats.
void remove_duplicates(std::vector<Example>& examples, rows::DropLog& drops);

// Which pairs a list of scored answers makes.
enum class PairChoice : std::uint8_t {
  kBestWorst,  // one
  kAll,        // each two of different scores
  kAdjacent,   // neighbours in the order of scores
};
// Which pairs are made of scored answers.
struct PairOptions {
  PairChoice choice = PairChoice::kBestWorst;
  double min_margin = 0;  // pairs with a smaller margin are not made, nor kept; 0: no limit
};

// An example and its place: rows made from one `slot` are adjacent, in the order of the slots.
struct PlacedExample {
  std::int64_t slot = 0;
  Example example;
};

// Rows with mapped scores -> examples of the units that `--feedback` asks for, row by row. Rows without
// scores (labels, SFT, prompts) pass unchanged, except that `binary` splits pairs. Ties and answers that a
// view cannot use are counted in the report. A derived row takes the place of its first answer.
class ViewMaker {
 public:
  ViewMaker(const rows::DataOptions& options, rows::ReadReport& report, rows::DropLog& drops,
            const PairOptions& pairs = {});
  ~ViewMaker();
  ViewMaker(const ViewMaker&) = delete;
  ViewMaker& operator=(const ViewMaker&) = delete;

  // Whether scored answers to one prompt are gathered from all rows. They stay in memory until `finish`, or
  // until the last of them has come, when all rows were counted before.
  bool gathers() const;
  void count(std::vector<rows::ReadRow> rows);  // each row once, before the first `add`
  void add(rows::ReadRow row);
  std::vector<PlacedExample> take();    // what no later row can change
  std::vector<PlacedExample> finish();  // the rest

 private:
  class Deriver;
  std::unique_ptr<Deriver> counter_, deriver_;
  struct Scratch;
  std::unique_ptr<Scratch> scratch_;  // the counting pass writes its report here; it is discarded
};

// All rows at once, in order.
std::vector<Example> derive_views(std::vector<rows::ReadRow> rows, const rows::DataOptions& options,
                                  rows::ReadReport& report, rows::DropLog& drops,
                                  const PairOptions& pairs = {});

}  // namespace una::views
