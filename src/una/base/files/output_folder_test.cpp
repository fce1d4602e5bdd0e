#include "una/base/files/output_folder.h"

#include <filesystem>
#include <functional>
#include <optional>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {
namespace fs = std::filesystem;

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

class Place {
 public:
  Place() { rule.marks = {"run.yaml"}; }
  void make_old_run() {
    make_folder(out + "/checkpoint-3");
    write_file(out + "/run.yaml", "old");
    write_file(out + "/checkpoint-3/a", "old");
  }
  // Every file but the lock, as PATH=CONTENT.
  std::string tree() const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(out)) {
      if (!entry.is_regular_file() || entry.path().filename() == ".una-lock") { continue; }
      files.push_back(fs::relative(entry.path(), out).string() + "=" + read_file(entry.path().string()));
    }
    std::sort(files.begin(), files.end());
    std::string all;
    for (const std::string& file : files) { all += file + " "; }
    return all;
  }
  static constexpr const char* kOldRun = "checkpoint-3/a=old run.yaml=old ";
  std::string out = test_folder("output_folder") + "/out";
  OutputFolderRule rule;
};

TEST(OutputFolder, AnOldRunIsThereUntilTheNewOneIsKept) {
  Place place;
  place.make_old_run();
  place.rule.overwrite = true;
  {
    OutputFolder folder(place.out, place.rule);
    EXPECT_EQ(place.tree(), Place::kOldRun) << "checks come before anything is moved";
    folder.begin();
    write_file(place.out + "/run.yaml", "new");
    folder.keep();
    folder.keep();
    EXPECT_EQ(place.tree(), "run.yaml=new ");
  }
  EXPECT_EQ(place.tree(), "run.yaml=new ");
}

TEST(OutputFolder, AnOldRunComesBackWhenTheNewOneFails) {
  Place place;
  place.make_old_run();
  place.rule.overwrite = true;
  {
    OutputFolder folder(place.out, place.rule);
    folder.begin();
    write_file(place.out + "/run.yaml", "new");
    write_file(place.out + "/bad_batch_1.jsonl", "rows");
    make_folder(place.out + "/runs/x");
  }
  EXPECT_EQ(place.tree(), "bad_batch_1.jsonl=rows checkpoint-3/a=old run.yaml=old ");
}

TEST(OutputFolder, AKillInAnyStateLosesNothing) {
  Place place;
  place.rule.overwrite = true;
  place.make_old_run();
  make_folder(place.out + "/.una-old.moving");  // killed while moving aside, or back
  fs::rename(place.out + "/run.yaml", place.out + "/.una-old.moving/run.yaml");
  { const OutputFolder folder(place.out, place.rule); }
  EXPECT_EQ(place.tree(), Place::kOldRun);
  make_folder(place.out + "/.una-old");  // killed before the first checkpoint
  for (const char* name : {"/run.yaml", "/checkpoint-3"}) {
    fs::rename(place.out + name, place.out + "/.una-old" + name);
  }
  write_file(place.out + "/metrics.jsonl", "new");
  place.rule.overwrite = false;
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }), "") << "it is not an empty folder";
  place.rule.goes_on = true;
  { const OutputFolder folder(place.out, place.rule); }
  EXPECT_EQ(place.tree(), Place::kOldRun);
  make_folder(place.out + "/.una-old.gone/x");  // killed while removing
  { const OutputFolder folder(place.out, place.rule); }
  EXPECT_EQ(place.tree(), Place::kOldRun);
}

// A new run that was killed between its first checkpoint and the removal of the old run.
Place killed_in_replacement() {
  Place place;
  make_folder(place.out + "/.una-old/checkpoint-3");
  write_file(place.out + "/.una-old/run.yaml", "old");
  write_file(place.out + "/.una-old/checkpoint-3/a", "old");
  write_file(place.out + "/run.yaml", "new");
  make_folder(place.out + "/checkpoint-1");
  write_file(place.out + "/checkpoint-1/a", "new");
  place.rule.goes_on = true;
  return place;
}

TEST(OutputFolder, AKilledRunThatHasAResultStaysInsteadOfTheOldOne) {
  const HasResult has_one = [](const std::string& folder) { return is_file(folder + "/checkpoint-1/a"); };
  Place place = killed_in_replacement();
  place.rule.has_result = has_one;
  { const OutputFolder folder(place.out, place.rule); }
  EXPECT_EQ(place.tree(), "checkpoint-1/a=new run.yaml=new ");
  place = killed_in_replacement();
  place.rule.has_result = [](const std::string&) { return false; };
  { const OutputFolder folder(place.out, place.rule); }
  EXPECT_EQ(place.tree(), Place::kOldRun);
}

TEST(OutputFolder, FilesAreInOrderBeforeTheyAreRead) {
  const HasResult has_one = [](const std::string& folder) { return is_file(folder + "/checkpoint-1/a"); };
  const Place kept = killed_in_replacement();
  recover_output_folder(kept.out, has_one);
  EXPECT_EQ(kept.tree(), "checkpoint-1/a=new run.yaml=new ");
  const Place restored = killed_in_replacement();
  recover_output_folder(restored.out, {});
  EXPECT_EQ(restored.tree(), Place::kOldRun);
  const Place in_use = killed_in_replacement();
  const std::string before = in_use.tree();
  const FileLock lock(in_use.out + "/.una-lock", in_use.out);
  recover_output_folder(in_use.out, has_one);
  EXPECT_EQ(in_use.tree(), before);
  recover_output_folder(in_use.out + "/absent", has_one);
  EXPECT_FALSE(is_folder(in_use.out + "/absent"));
}

TEST(OutputFolder, OneProcessAtATime) {
  Place place;
  std::optional<OutputFolder> first(std::in_place, place.out, place.rule);
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }).find("is in use by process"),
            std::string::npos);
  first.reset();
  EXPECT_FALSE(is_folder(place.out)) << "made for nothing";
}

TEST(OutputFolder, WhatIsNotReplacedIsRefusedAndStays) {
  Place place;
  place.make_old_run();
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }).find("is not empty"), std::string::npos);
  place.rule.overwrite = true;
  place.rule.inputs = {"", place.out + "/absent", place.out + "/checkpoint-3"};
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }).find("checkpoint-3 is read from"),
            std::string::npos);
  place.rule.inputs = {place.out};
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }).find("is read from"), std::string::npos);
  place.rule.inputs.clear();
  fs::remove(place.out + "/run.yaml");
  EXPECT_NE(
      refusal([&] { OutputFolder(place.out, place.rule); }).find("is not empty and holds no run of una"),
      std::string::npos);
  EXPECT_EQ(place.tree(), "checkpoint-3/a=old ");
  EXPECT_NE(refusal([&] { OutputFolder(place.out + "/checkpoint-3/a", place.rule); }).find("is a file"),
            std::string::npos);
}

TEST(OutputFolder, WhatMustNotBeUsedIsRemoved) {
  Place place;
  place.rule.discard = true;
  {
    OutputFolder folder(place.out, place.rule);
    folder.begin();
    write_file(place.out + "/model.safetensors", "wrong");
  }
  EXPECT_FALSE(is_folder(place.out));
}

TEST(OutputFolder, LeavingsOfAKillAreNotFiles) {
  Place place;
  make_folder(place.out);
  write_file(place.out + "/.una-lock", "process 1 on elsewhere");
  write_file(place.out + "/.una-write-test.tmpabcdef", "x");
  write_file(place.out + "/.una-write-test-1.tmp1", "x");
  write_file(place.out + "/model-00001-of-00002.safetensors.tmpAbc123", "x");
  EXPECT_TRUE(is_free_folder(place.out));
  const OutputFolder folder(place.out, place.rule);
  EXPECT_EQ(place.tree(), ".una-write-test-1.tmp1=x ") << "what a killed writer had begun goes";
}

TEST(OutputFolder, AFolderThatUnaWasKilledInIsItsOwn) {
  Place place;
  make_folder(place.out);
  write_file(place.out + "/model-00001-of-00002.safetensors", "x");
  place.rule.overwrite = true;
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }), "") << "no mark of a run";
  write_file(place.out + "/.una-lock", "process 1 on elsewhere");
  EXPECT_EQ(refusal([&] { OutputFolder(place.out, place.rule); }), "");
}

TEST(OutputFolder, ANameLikeATemporaryOnesIsTheUsersWhereUnaWasNot) {
  Place place;
  make_folder(place.out);
  write_file(place.out + "/notes.tmpbackup", "mine");
  EXPECT_NE(refusal([&] { OutputFolder(place.out, place.rule); }), "");
  write_file(place.out + "/run.yaml", "old");
  place.rule.overwrite = true;
  { const OutputFolder folder(place.out, place.rule); }
  EXPECT_EQ(place.tree(), "notes.tmpbackup=mine run.yaml=old ");
}

}  // namespace
}  // namespace una
