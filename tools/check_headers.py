#!/usr/bin/env python3
"""Fail when an outside header is included where it does not belong: check_headers.py SRC

An outside part is named in the .cpp files of its rooms only, so that replacing it is a change to one room. LibTorch
may appear in headers, but by single operator headers: the big ones cost seconds in every file.
"""
import pathlib
import re
import sys

from cpp_text import includes, read, source_files

# prefix of the include -> rooms whose .cpp files may have it
PARTS = {
    "yaml-cpp/": {"base", "eval"}, "xxhash": {"base"},
    "simdjson": {"weights"}, "zstd": {"containers"}, "zlib": {"containers"}, "csv.h": {"containers"},
    "httplib": {"net"}, "curl/": {"net"}, "openssl/": {"hub"},
    "CLI/": {"cli"}, "boost/": {"reward"},
    "mpi": {"dist"}, "nccl": {"dist"},
    "cuda": {"kernels", "dist"}, "cublas": {"kernels"}, "cutlass/": {"kernels"},
    "una_bridge.h": {"base", "text", "containers"},
    "nlohmann/": set(),  # base/json.h has it for everybody
}
EXEMPT = {("base/json.h", "nlohmann/json.hpp"),
          ("base/bridge_call.h", "una_bridge.h")}  # the wrapper of the C ABI
TORCH = re.compile(r"(ATen|torch|c10)/")
TORCH_FREE = {"base", "net", "text", "cli", "report", "demo"}
TORCH_TOO_BIG = {"ATen/ATen.h", "ATen/Functions.h", "ATen/Operators.h", "torch/torch.h", "torch/all.h",
                 "torch/extension.h", "torch/script.h"}
TORCH_TOO_BIG_FOLDERS = ("torch/nn", "torch/optim", "torch/data")
NOWHERE = ("fmt/", "spdlog/", "google/", "pybind11/", "gflags/", "glog/")  # LibTorch's include folder has its own
STANDARD = re.compile(r"[a-z0-9_]+$")
SYSTEM = re.compile(r"(sys|arpa|netinet|net|linux)/[a-z0-9_]+\.h$|(unistd|fcntl|sched|spawn|pty|pthread|dlfcn|poll"
                    r"|malloc|netdb|glob|termios|signal|immintrin|x86intrin|cpuid|omp|dirent|ifaddrs|semaphore)\.h$")


def torch_trouble(room, include):
    if room in TORCH_FREE:
        return f"the room {room} does without LibTorch"
    if include in TORCH_TOO_BIG or include.startswith(TORCH_TOO_BIG_FOLDERS):
        return "costs seconds in every file: ATen/core/Tensor.h and one ATen/ops/<operator>.h each"
    return ""


def trouble(path, room, relative, quote, include):
    if include.startswith("una/"):
        return "" if quote == '"' else 'our own headers are included with "..."'
    if (relative, include) in EXEMPT:
        return ""
    is_header, is_test = path.suffix in {".h", ".cuh"}, path.stem.endswith("_test")
    if TORCH.match(include):
        return torch_trouble(room, include)
    if include.startswith(NOWHERE):
        return "is used nowhere: base/format.h and base/log.h do it"
    if include.startswith("gtest/") or include.startswith("gmock/"):
        return "" if is_test else "belongs into _test.cpp files"
    for prefix, rooms in PARTS.items():
        if include.startswith(prefix):
            if room not in rooms:
                return "base/json.h has it" if not rooms else f"belongs into the room {' or '.join(sorted(rooms))}"
            return "belongs into .cpp files, not into headers" if is_header else ""
    if quote == '"':
        return 'is not ours: "una/..." or <...>'
    if STANDARD.match(include) or SYSTEM.match(include):
        return ""
    return "is not known: name it and its room in tools/check_headers.py"


def main(source):
    root, bad = pathlib.Path(source), 0
    for path in source_files(root):
        relative = path.relative_to(root)
        text = read(path)
        if path.suffix == ".h" and "#pragma once" not in text:
            print(f"{path}:1: a header begins with #pragma once")
            bad += 1
        for line, quote, include in includes(text):
            reason = trouble(path, relative.parts[0], relative.as_posix(), quote, include)
            if reason:
                print(f"{path}:{line}: {include} {reason}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
