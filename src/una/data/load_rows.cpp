#include "una/data/load_rows.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/data/tokenise.h"
#include "una/rows/files/row_feed.h"
#include "una/views/mapped_rows.h"
#include "una/views/scores/scores.h"
#include "una/views/views.h"

namespace una::data::detail {
namespace {

std::string accepted_names(const std::vector<Unit>& accepted) {
  std::vector<std::string> names;
  names.reserve(accepted.size());
  for (const Unit unit : accepted) { names.emplace_back(unit_name(unit)); }
  return join(names, ", ");
}

// What --feedback could make of such a row.
std::string advice(const Example& example, const std::vector<Unit>& accepted) {
  const auto takes = [&](Unit unit) {
    return std::find(accepted.begin(), accepted.end(), unit) != accepted.end();
  };
  const bool scored = std::all_of(example.responses.begin(), example.responses.end(),
                                  [](const Response& response) { return response.score.has_value(); });
  if (example.unit == Unit::kPrompt) {
    return "; a prompt without an answer is for generate and the online methods (where a column that una does not know "
           "holds the answer, --columns completion=NAME or chosen=NAME,rejected=NAME reads it)";
  }
  if (example.unit == Unit::kPair && takes(Unit::kBinary)) { return "; --feedback binary splits pairs"; }
  if (example.unit == Unit::kPair && takes(Unit::kSft)) {
    return "; --columns completion=chosen (or messages=chosen) takes the preferred answers alone";
  }
  if (example.responses.empty() || !scored) { return ""; }
  for (const Unit unit : {Unit::kPair, Unit::kScore, Unit::kGroup, Unit::kBinary}) {
    if (takes(unit)) { return cat("; its scores can be used with --feedback ", unit_name(unit)); }
  }
  return "";
}

void check_accepted(const Example& example, const std::vector<Unit>& accepted) {
  if (accepted.empty() || std::find(accepted.begin(), accepted.end(), example.unit) != accepted.end()) {
    return;
  }
  throw InputError(cat(example.where.text(), ": the row is of kind ", unit_name(example.unit),
                       ", but the method takes ", accepted_names(accepted), advice(example, accepted)));
}

// One run over the files.
class RowLoader {
 public:
  RowLoader(const rows::DataOptions& options, const text::Encoder& encoder, const std::vector<Unit>& accepted,
            RowSink& sink, rows::ReadReport& report, rows::DropLog& drops)
      : options_(options),
        accepted_(accepted),
        sink_(sink),
        report_(report),
        drops_(drops),
        feed_(options),
        mapper_(options),
        views_(options, report, drops),
        tokeniser_(options, encoder, report, drops) {}

  void run(bool bounded) {
    report_.mixture = feed_.mixture();
    if (mapper_.learns()) {
      feed_.each([this](const std::vector<rows::ReadRow>& rows, double) { mapper_.see(rows); });
    }
    if (bounded && views_.gathers()) { count_answers(); }
    views::SeenRows seen;
    feed_.each([&](std::vector<rows::ReadRow> rows, double done) {
      rows::count_shapes(rows, report_);
      prepare(rows, seen, drops_);
      for (rows::ReadRow& row : rows) { views_.add(std::move(row)); }
      hand_on(views_.take());
      if (options_.progress) { options_.progress(done); }
    });
    hand_on(views_.finish());
    mapper_.finish(report_);
  }

 private:
  void count_answers() {
    views::SeenRows seen;
    rows::DropLog unread;
    feed_.each([&](std::vector<rows::ReadRow> rows, double) {
      prepare(rows, seen, unread);
      views_.count(std::move(rows));
    });
  }

  void prepare(std::vector<rows::ReadRow>& rows, views::SeenRows& seen, rows::DropLog& drops) {
    views::check_marked(rows);
    mapper_.map(rows);
    views::remove_degenerate(rows, seen, drops);
  }

  void hand_on(const std::vector<views::PlacedExample>& placed) {
    std::vector<const Example*> examples;
    for (const views::PlacedExample& one : placed) {
      check_accepted(one.example, accepted_);
      examples.push_back(&one.example);
    }
    std::vector<std::optional<Row>> rows = tokeniser_.rows(examples);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::optional<Row>& row = rows[i];
      if (row) { sink_.add(placed[i].slot, std::move(*row)); }
    }
  }

  const rows::DataOptions& options_;
  const std::vector<Unit>& accepted_;
  RowSink& sink_;
  rows::ReadReport& report_;
  rows::DropLog& drops_;
  rows::RowFeed feed_;
  views::ScoreMapper mapper_;
  views::ViewMaker views_;
  RowTokeniser tokeniser_;
};

}  // namespace

void load_rows(const rows::DataOptions& options, const text::Encoder& encoder,
               const std::vector<Unit>& accepted, bool bounded, RowSink& sink, rows::ReadReport& report,
               rows::DropLog& drops) {
  RowLoader(options, encoder, accepted, sink, report, drops).run(bounded);
}

}  // namespace una::data::detail
