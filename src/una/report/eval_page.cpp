#include "una/report/eval_page.h"

#include "una/base/format.h"
#include "una/report/embedded.h"
#include "una/report/html_text.h"
#include "una/report/sections.h"

namespace una::report {
namespace {

std::string number_table(const EvalPageTable& table) {
  std::string html = "<div class=\"scroll\"><table><tr>";
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    html += cat(c == 0 ? "<th>" : "<th class=\"number\">", escaped(table.columns[c]), "</th>");
  }
  html += "</tr>\n";
  for (const std::vector<std::string>& row : table.rows) {
    html += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) {
      html += table_cell(c == 0 ? "" : "number", escaped(row[c]));
    }
    html += "</tr>\n";
  }
  return titled_card(table.title, html + "</table></div>");
}

std::string text_cell(const std::string& name, const std::string& text, const char* style = "") {
  return cat("<td class=\"", style, "\" data-name=\"", escaped(name), "\"><div class=\"text\">",
             escaped(text), "</div></td>");
}

std::string answer_table(const AnswerTable& table) {
  std::string html = "<div class=\"scroll\"><table class=\"samples\"><tr>";
  for (const std::string& name : {std::string("prompt"), table.before, table.after, std::string("verdict")}) {
    html += cat("<th>", escaped(name), "</th>");
  }
  html += "</tr>\n";
  for (const AnswerPair& pair : table.rows) {
    html += cat("<tr>", text_cell("prompt", pair.prompt), text_cell(table.before, pair.before),
                text_cell(table.after, pair.after, "lead"), text_cell("verdict", pair.verdict), "</tr>\n");
  }
  return titled_card(table.title, html + "</table></div>");
}

}  // namespace

std::string html_page(const std::string& title, const std::string& body, const std::string& scripts) {
  return cat(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>",
      escaped(title), " \xC2\xB7 una report</title>\n<style>", kUplotCss, "</style>\n<style>", kReportCss,
      "</style>\n</head>\n<body>\n<main>\n", body, "\n</main>\n", scripts, "</body>\n</html>\n");
}

std::string eval_page(const std::string& title, const std::vector<EvalPageTable>& tables,
                      const std::vector<AnswerTable>& answers, const std::vector<EvalPagePlot>& plots) {
  std::string body = cat("<h1>", escaped(title), "</h1>\n");
  for (const EvalPageTable& table : tables) { body += number_table(table); }
  for (const EvalPagePlot& plot : plots) {
    if (!plot.dots.rows.empty()) { body += titled_card(plot.title, dot_plot_html(plot.dots)); }
  }
  for (const AnswerTable& table : answers) {
    if (!table.rows.empty()) { body += answer_table(table); }
  }
  return html_page(title, cat(body, "<footer>Made by una ", UNA_VERSION, ".</footer>"));
}

}  // namespace una::report
