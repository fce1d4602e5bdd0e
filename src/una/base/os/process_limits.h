#pragma once

namespace una {

// Limits of this process (ulimit) under which libraries would abort or crash before they can be asked. A soft limit of the
// stack below 8 MB is raised as far as the hard one allows, for this thread and new ones. Returns a sentence in `buffer`
// where a limit is too small, else nullptr. Allocates nothing: it may run before any constructor.
const char* problem_of_limits(char* buffer, unsigned long size);

}  // namespace una
