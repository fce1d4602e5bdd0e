#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace una::eval::ifeval {

// Sentences of an English text as NLTK 3.10's punkt tokenizer cuts them (Kiss and Strunk 2006). The parameters are those
// of NLTK's data package punkt_tab, which una does not bring. Immutable and thread-safe.
class Punkt {
 public:
  // `folder`: of abbrev_types.txt, collocations.tab, ortho_context.tab and sent_starters.txt. InputError when one of them
  // is absent or damaged.
  explicit Punkt(const std::string& folder);
  ~Punkt();
  Punkt(const Punkt&) = delete;
  Punkt& operator=(const Punkt&) = delete;

  std::vector<std::string_view> sentences(std::string_view text) const;  // views into the text

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Where NLTK would look: `nltk_data` (a folder of data, or ""), the folders of $NLTK_DATA, ~/nltk_data and the system's.
// Returns the folder tokenizers/punkt_tab/english of the first that has one, or "". InputError when `nltk_data` is given
// and has none.
std::string find_punkt_folder(const std::string& nltk_data);

}  // namespace una::eval::ifeval
