#!/usr/bin/env bash
# ./dev bench train --model DIR --pairs FILE [--timed N] [--rounds N]: una and the careful PyTorch loop in turn, A/B/A.
# ./dev bench generate --model DIR --pairs FILE: decoding against Hugging Face's generate() and against the machine
#   (tools/bench_train.py and tools/bench_generate.py).
# ./dev bench online ARGS: the online demo over seeds, at equal KL, gradient noise (una bench online ARGS).
# ./dev bench serve --model DIR --pairs FILE: una serve against una bench generate, its prefix cache, many streams at once.
# ./dev bench tokenise --model DIR --data FILE: reading and tokenising against the tokenizers package.
# ./dev bench rows: resuming in a row cache of 100 million rows (UNA_BENCH_ROWS), 13 GB in the temporary folder.
# ./dev bench company: training alone, next to busy processes and next to itself, for each wait policy of OpenMP's threads.
# ./dev bench memory: what a run is said to take against what it takes, over thirty runs.
# ./dev bench una ARGS: una alone (una bench ARGS).  ./dev bench kernels: Google Benchmark of every kernel.
# Without --model a SmolLM2-135M-shaped model with random weights is made; --tokenizer names a tokenizer folder for it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
una=$root/build/release/src/una/cli/una
what=${1:-train}
[ $# -gt 0 ] && shift
case "$what" in
  kernels) cmake --build "$root/build/release" --target una_bench_kernels && exec "$root/build/release/src/una/kernels/una_bench_kernels" "$@" ;;
  rows) cmake --build "$root/build/release" --target una_bench_data && exec "$root/build/release/src/una/data/una_bench_data" "$@" ;;
  company) exec python3 "$root/tools/bench_company.py" --una "$una" "$@" ;;
  memory) exec python3 "$root/tools/bench_memory.py" --una "$una" "$@" ;;
  serve) exec python3 "$root/tools/bench_serve.py" --una "$una" "$@" ;;
  una) exec "$una" bench "$@" ;;
  online) exec "$una" bench online "$@" ;;
  train | generate) bash "$root/bench/peers/setup.sh" "$root/.deps/peers" && exec "$root/.deps/peers/bin/python" "$root/tools/bench_$what.py" --una "$una" --peers "$root/bench/peers" "$@" ;;
  tokenise) bash "$root/bench/peers/setup.sh" "$root/.deps/peers" && exec "$root/.deps/peers/bin/python" "$root/tools/bench_tokenise.py" --una "$una" --peers "$root/bench/peers" "$@" ;;
  *) echo "bench: choose train, generate, serve, tokenise, online, rows, company, memory, una or kernels" >&2; exit 2 ;;
esac
