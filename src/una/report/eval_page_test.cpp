#include "una/report/eval_page.h"

#include <gtest/gtest.h>

namespace una::report {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(EvalPage, TablesAndAnswersAreShownAndTextsAreText) {
  const std::string html = eval_page(
      "results", {{"bbh", {"model", "acc"}, {{"my-run", "0.51"}}}},
      {{"Worst answers", "model", "my-run", {{"<script>p</script>", "before", "after & more", "0.5 of 1"}}}});
  EXPECT_TRUE(has(html, "<th>model</th><th class=\"number\">acc</th>"));
  EXPECT_TRUE(has(html, "<td class=\"number\">0.51</td>"));
  EXPECT_TRUE(has(html, "&lt;script&gt;p&lt;/script&gt;"));
  EXPECT_TRUE(has(html, "after &amp; more"));
  EXPECT_FALSE(has(html, "<script>p"));
}

TEST(EvalPage, ATableWithoutAnswersIsLeftOut) {
  EXPECT_FALSE(has(eval_page("results", {}, {{"Worst answers", "a", "b", {}}}), "Worst"));
}

}  // namespace
}  // namespace una::report
