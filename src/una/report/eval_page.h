#pragma once

#include <string>
#include <vector>

#include "una/report/svg_plots.h"

namespace una::report {

// A whole HTML document in the reports' style; `scripts` come behind the body. All but the title is HTML already.
std::string html_page(const std::string& title, const std::string& body, const std::string& scripts = "");

// A table of numbers: columns' names, and cells as they are to be read; the first column is text.
struct EvalPageTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

// Two answers to a prompt, to be read next to each other, and what became of them.
struct AnswerPair {
  std::string prompt, before, after, verdict;
};
struct AnswerTable {
  std::string title, before, after;  // the names of both sides
  std::vector<AnswerPair> rows;
};

// Values with their intervals, drawn.
struct EvalPagePlot {
  std::string title;
  DotPlot dots;
};

// The report of an evaluation: tables, plots, then answers. Texts are anybody's and are escaped here.
std::string eval_page(const std::string& title, const std::vector<EvalPageTable>& tables,
                      const std::vector<AnswerTable>& answers, const std::vector<EvalPagePlot>& plots = {});

}  // namespace una::report
