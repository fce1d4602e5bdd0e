# Functions of ./dev. Sourced, never run alone; the caller's folder is the project's root.
build_packages="g++ cmake ninja-build mold git ca-certificates libyaml-cpp-dev nlohmann-json3-dev
  libsimdjson-dev libxxhash-dev libboost1.81-dev zlib1g-dev libzstd-dev libcsv-dev libcurl4-openssl-dev libssl-dev
  libtcmalloc-minimal4 pkg-config libgtest-dev libbenchmark-dev python3 python3-pip"
tool_packages="clang-format-19 clang-tidy-19"
wheels="torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85"
# What libtorch_cuda.so (it is in the torch wheel) is linked to; only for --device cuda.
cuda_wheels="nvidia-cublas==13.1.0.3 nvidia-cudnn-cu13==9.19.0.56 nvidia-cufft==12.0.0.61 nvidia-curand==10.4.0.35
  nvidia-cusolver==12.0.4.66 nvidia-cusparse==12.6.3.3 nvidia-cusparselt-cu13==0.8.0 nvidia-nvjitlink==13.0.88
  nvidia-cuda-nvrtc==13.0.88 nvidia-nccl-cu13==2.28.9 nvidia-nvshmem-cu13==3.4.5 nvidia-cufile==1.15.1.6
  nvidia-nvtx==13.0.85"

docs_wheels="mkdocs==1.6.1 mkdocs-material==9.8.2"

usage() {
  cat <<'T'
  setup      packages (apt), LibTorch (wheel), Rust if it is missing; --cuda: NVIDIA's libraries too (wheels, 2.7 GB)
  build      everything in build/release
  test       build, then the whole suite (options: --asan, -R REGEX, any ctest option)
  demo       align a small model from feedback, end to end, with a table and an HTML report
  una ARGS   run the built program
  bench      bench train | bench kernels ...: side by side with the peers where they are installed
  amx        --model DIR --pairs FILE: tests of each path of instructions, and what AMX tiles are worth on this machine
  card       what checks and times a machine with an NVIDIA card, as one file: dist/card/una-card.tar.xz (docs/devices.md)
  fuzz       [TARGET] [SECONDS]: libFuzzer on one reader of untrusted bytes, or on each in turn (600 seconds)
  faults     [io|kills|together|all] [COUNT]: what a failing call, a kill or a second run does to the commands;
             bodies [COUNT]: broken requests to una serve
  mutations  [--sample N] [--only TEXT] [--resume]: apply each fault of tests/mutations.txt and see that its test fails
             (hours; --resume goes on where the last call was ended)
  ranks      every test of several ranks: launchers, losses of ranks, training on 2 and 4 (minutes)
  sanitize   the tests of the rooms that do not compute with tensors, under AddressSanitizer and UBSan
  parity     numbers against transformers, TRL, PEFT and llama.cpp (installs them); folders against vLLM's loader rules
  format     clang-format 19 over src
  lint       clang-tidy 19 over every file
  install    --prefix DIR [--cuda]: a relocatable tree
  package    that tree as dist/una-VERSION-linux-x86_64.tar.zst and as a Debian package
  wheel      [--standalone]: dist/una_align-*.whl for pip, on the LibTorch of the torch wheel or with its own
  docs       docs/ as a site in build/docs (mkdocs, from pip into .deps/docs): open build/docs/index.html; search needs no server
T
}

say() { printf '\033[1m[dev]\033[0m %s\n' "$*" >&2; }
die() { printf 'dev: %s\n' "$*" >&2; exit 2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "needs root or sudo to run: $*"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

apt_install() {
  local missing
  command -v dpkg-query >/dev/null || { check_other_system; return; }
  # shellcheck disable=SC2046,SC2086
  missing=$(missing_packages "$@" | tr '\n' ' ')
  [ -z "$missing" ] && return
  say "installing $missing"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
}

check_other_system() {
  local tool missing=""
  for tool in g++ cmake ninja cargo python3; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
  [ -z "$missing" ] || die "this is not a Debian system and these are missing:$missing (also needed: the development files of yaml-cpp, nlohmann-json, simdjson, xxhash, libcurl, OpenSSL, GoogleTest)"
}

rust_is_recent() {
  command -v cargo >/dev/null && cargo --version | awk '{split($2, v, "."); exit !(v[1] > 1 || v[2] >= 88)}'
}

setup_rust() {
  [ -d /usr/lib/rust-web/bin ] && PATH="/usr/lib/rust-web/bin:$PATH"
  [ -d "$HOME/.cargo/bin" ] && PATH="$HOME/.cargo/bin:$PATH"
  export PATH
  rust_is_recent && return
  say "installing Rust (Debian's rustc-web, cargo-web)"
  apt_install rustc-web cargo-web
  [ -d /usr/lib/rust-web/bin ] && export PATH="/usr/lib/rust-web/bin:$PATH"
  rust_is_recent || die "cargo 1.88 or newer is needed, found: $(cargo --version 2>/dev/null || echo none)"
}

setup_wheels() {
  local stamp=.deps/site/.una-wheels
  [ "$(cat "$stamp" 2>/dev/null)" = "$wheels" ] && return
  say "installing LibTorch from its Python wheel into .deps/site (1.2 GB)"
  rm -rf .deps/site.new && mkdir -p .deps/site.new
  # shellcheck disable=SC2086
  python3 -m pip install -q --no-deps --disable-pip-version-check --root-user-action ignore --target .deps/site.new $wheels
  rm -rf .deps/site && mv .deps/site.new .deps/site
  printf '%s' "$wheels" > "$stamp"
}

setup() {
  # shellcheck disable=SC2086
  apt_install $build_packages
  setup_rust
  setup_wheels
  setup_punkt
}

# English sentences as NLTK cuts them, for ifeval. The parameters come without a clear licence, so they are fetched, never
# kept in the repository; without them `una eval` says so and counts sentences by simpler rules.
setup_punkt() {
  local english=tokenizers/punkt_tab/english new=.deps/nltk_data.new
  [ -f ".deps/nltk_data/$english/ortho_context.tab" ] && return
  say "fetching NLTK's sentence parameters (in a wheel of 12 MB)"
  rm -rf "$new" && mkdir -p "$new/$english"
  if python3 -m pip download -q --no-deps --disable-pip-version-check -d "$new" llama_index_core==0.14.25 &&
    python3 - "$new" "$new/$english" <<'P'
import glob, os, sys, zipfile
with zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]) as wheel:
    for name in ("abbrev_types.txt", "collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        data = wheel.read("llama_index/core/_static/nltk_cache/tokenizers/punkt_tab/english/" + name)
        with open(sys.argv[2] + "/" + name, "wb") as file:
            file.write(data)
for wheel in glob.glob(sys.argv[1] + "/*.whl"):
    os.remove(wheel)
P
  then rm -rf .deps/nltk_data && mv "$new" .deps/nltk_data  # appears whole or not at all: a folder without files misleads una eval
  else rm -rf "$new" .deps/nltk_data && say "not available: ifeval will count sentences by simpler rules"
  fi
}

setup_cuda() {
  local stamp=.deps/site/.una-cuda-wheels
  [ "$(cat "$stamp" 2>/dev/null)" = "$cuda_wheels" ] && return
  say "installing NVIDIA's libraries from their Python wheels into .deps/site (2.7 GB)"
  rm -rf .deps/site.cuda && mkdir -p .deps/site.cuda
  # shellcheck disable=SC2086
  python3 -m pip install -q --no-deps --disable-pip-version-check --root-user-action ignore --target .deps/site.cuda $cuda_wheels
  cp -a .deps/site.cuda/nvidia/. .deps/site/nvidia/
  rm -rf .deps/site.cuda
  printf '%s' "$cuda_wheels" > "$stamp"
}

setup_tools() { # shellcheck disable=SC2086
  apt_install $tool_packages
}

setup_quiet() {
  [ -x build/release/src/una/cli/una ] && return
  setup && build release una
}

configure() { # shellcheck disable=SC2086
  [ -f "build/$1/build.ninja" ] || cmake --preset "$1" ${UNA_CMAKE_OPTIONS:-} >/dev/null
}

build() {
  local preset=$1
  shift
  configure "$preset"
  # arguments: targets, or options of cmake --build
  case "${1:-}" in
    ''|-*) cmake --build "build/$preset" "$@" ;;
    *) cmake --build "build/$preset" --target "$@" ;;
  esac
}

# Without options the unit tests of a room run in one process; with some (-R) there is an entry for each file.
run_tests() {
  local preset=release entries=""
  if [ "${1:-}" = --asan ]; then preset=asan; shift; fi
  setup && setup_tools && build "$preset"
  if [ $# = 0 ] && [ "$preset" = release ]; then
    python3 tools/check_tidy.py --build build/release --changed-only --jobs "$(nproc)"
    entries="-C rooms -LE ^file\$"
  fi
  # shellcheck disable=SC2086
  ctest $entries --test-dir "build/$preset" --output-on-failure -j "$(($(nproc) * 2))" "$@"  # half of the tests wait, for processes and clocks
}

# A link to nothing, an unknown anchor and a page without a place in the navigation (mkdocs.yml) fail it.
build_docs() {
  local stamp=.deps/docs/.una-wheels
  if [ "$(cat "$stamp" 2>/dev/null)" != "$docs_wheels" ]; then
    say "installing mkdocs into .deps/docs (140 MB)"
    rm -rf .deps/docs
    # shellcheck disable=SC2086
    python3 -m pip install -q --disable-pip-version-check --root-user-action ignore --no-warn-conflicts --target .deps/docs $docs_wheels
    printf '%s' "$docs_wheels" > "$stamp"
  fi
  NO_MKDOCS_2_WARNING=1 PYTHONPATH=$PWD/.deps/docs python3 -m mkdocs build --strict
  echo "$PWD/build/docs/index.html"
}

run_mutations() {
  setup && configure release && python3 tools/run_mutations.py build/release --jobs "$(nproc)" "$@"
}

# Torchrun is tested where a Python with torch is there: UNA_TORCH_PYTHON names it.
run_ranks() {
  setup && build release una una_command_server una_gang_probe dist_test
  UNA_RANKS_LONG=1 ctest --test-dir build/release --output-on-failure -R '^(ranks|dist|integration[.]task)' "$@"
}

# Rooms whose tests need LibTorch's headers at most: they build and run under the sanitizers in minutes. The whole suite
# under them is ./dev test --asan.
sanitized_rooms="base net hub text words containers rows views report weights gguf"

run_sanitized() {
  local room pattern targets=""
  for room in $sanitized_rooms; do targets="$targets ${room}_test"; done
  pattern="^($(echo "$sanitized_rooms" | tr ' ' '|'))[.]"
  # shellcheck disable=SC2086
  setup && build asan $targets && ctest --test-dir build/asan --output-on-failure -j "$(nproc)" -R "$pattern"
}

# Failing calls, kills and runs that meet (tests/faults/faults.py), broken bodies of requests: [io|kills|together|all|bodies] [count].
run_faults() {
  setup && build release una una_interposer una_command_server
  if [ "${1:-all}" = bodies ]; then
    UNA=build/release/src/una/cli/una UNA_GOOD=tests/bad_files/good python3 tests/faults/request_bodies.py "${2:-1000000}"
    return
  fi
  UNA=build/release/src/una/cli/una UNA_INTERPOSER=$PWD/build/release/tests/faults/libuna_interposer.so \
    UNA_COMMAND_SERVER=build/release/tests/integration/una_command_server UNA_FAULT_JOBS=${UNA_FAULT_JOBS:-$(nproc)} \
    UNA_GOOD=tests/bad_files/good UNA_TEST_TMP=build/faults python3 tests/faults/faults.py "${1:-all}" "${2:-0}"
}

# Inputs that reach new code stay in build/fuzz/corpus, what breaks something in build/fuzz/findings.
run_fuzz() {
  local targets="safetensors_header jsonl_rows csv_rows parquet_rows yaml_config template tokenizer model_config"
  targets="$targets adapter_config openai_request"
  local target
  case "${1:-}" in ''|[0-9]*) ;; *) targets=$1; shift ;; esac
  setup && apt_install clang-19 libclang-rt-19-dev libomp-19-dev
  for target in $targets; do
    [ -f "tests/fuzz/${target}_fuzz.cpp" ] || die "there is no fuzz target '$target'"
    build fuzz "${target}_fuzz"
    mkdir -p "build/fuzz/corpus/$target" build/fuzz/findings
    say "$target for ${1:-600} seconds"
    "build/fuzz/tests/fuzz/${target}_fuzz" -max_total_time="${1:-600}" -max_len=4096 -timeout=60 -rss_limit_mb=4096 \
      -dict="tests/fuzz/$target.dict" -artifact_prefix="build/fuzz/findings/$target-" -print_final_stats=1 \
      "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target"
  done
}
