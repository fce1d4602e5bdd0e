#pragma once

// For command_server.cpp: commands that start their own program again (run_self of base: rounds, study, tune, demo, ranks)
// get a child that is forked from a process without a past, instead of one that loads LibTorch anew.
//
// This program's own posix_spawn does it: where the program to start is this one, it asks the template. Everything else
// about the child is as posix_spawn makes it: its parent, its group, its environment, its standard streams.

// Called in a fresh process before its command begins; `main` is the program that its children run. One thread.
void start_template(int (*main)(int, char**));
