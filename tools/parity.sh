#!/usr/bin/env bash
# ./dev parity [--data DIR]: una's numbers against transformers, TRL, PEFT and llama.cpp, live, and its folders against the
# rules of vLLM's loader. Installs the peers into .deps/peers (or uses $UNA_PEERS), but not vLLM: with $UNA_VLLM, a virtual
# environment that holds it (its CPU build will do), online methods also sample on a running one; skipped without. --data: a
# folder of real tokenizers and chat templates for the text part, skipped without it. llama.cpp is compiled for some minutes;
# where that fails, its part is skipped and says so. Folders of bitsandbytes are read where it is installed in the peers. With $UNA_LM_EVAL, a virtual environment that holds
# lm_eval[ifeval,math]==0.4.13, torch, transformers and, where wanted, openai, `una eval` is compared with lm-evaluation-harness and
# `una serve` is asked by it, by the openai package, by curl and by una's own clients; with $UNA_TRACKERS, one with mlflow-skinny, trackio, tbparse,
# tensorboard and wandb, these read what a run logs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
peers=${UNA_PEERS:-$root/.deps/peers}
[ -x "$peers/bin/python" ] && [ -n "${UNA_PEERS:-}" ] || bash "$root/bench/peers/setup.sh" "$peers"
if [ -z "${UNA_PEERS:-}" ] && ! "$peers/bin/python" -c 'import gguf, llama_cpp' 2>/dev/null; then
  CMAKE_ARGS="-DLLAVA_BUILD=OFF" CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)} "$peers/bin/pip" -q install \
    --no-binary llama-cpp-python llama-cpp-python==0.3.36 gguf==0.19.0 || echo "llama-cpp-python cannot be built here" >&2
fi
una=$root/build/release/src/una/cli/una
cmake --build "$root/build/release" --target una una_text_dump una_math_dump >/dev/null
if [ -n "${UNA_LM_EVAL:-}" ]; then
  data=""
  for ((i = 1; i < $#; ++i)); do [ "${!i}" = --data ] && { i=$((i + 1)); data=${!i}; }; done
  export NLTK_DATA=${NLTK_DATA:-$root/.deps/nltk_data}
  "$UNA_LM_EVAL/bin/python" "$root/tests/parity/math_parity.py" --dump "$root/build/release/tests/parity/una_math_dump"
  if [ -n "$data" ]; then
    "$UNA_LM_EVAL/bin/python" "$root/tests/parity/lm_eval_parity.py" --una "$una" --tokenizers "$data/tokenizers"
    "$UNA_LM_EVAL/bin/python" "$root/tests/parity/serve_clients.py" --una "$una" --tokenizers "$data/tokenizers"
  else
    echo "una eval and lm-evaluation-harness: skipped without --data" >&2
  fi
fi
if [ -n "${UNA_TRACKERS:-}" ]; then "$UNA_TRACKERS/bin/python" "$root/tests/parity/trackers.py" --una "$una"; fi
"$peers/bin/python" "$root/tests/parity/quantised_folders.py" --una "$una"
"$peers/bin/python" "$root/tests/parity/composite.py" --una "$una"
exec "$peers/bin/python" "$root/tests/parity/run_all.py" --una "$una" --dump "$root/build/release/tests/parity/una_text_dump" "$@"
