#pragma once

namespace una {

// Limits of this process (ulimit) under which libraries would abort or crash are refused with a sentence, before any work.
// A soft limit of the stack below 8 MB is raised as far as the hard one allows, for this thread and new ones. Called once,
// at the start of the program. InputError names the limit and a value that is enough.
void check_process_limits();

}  // namespace una
