#!/usr/bin/env bash
# ./dev parity [--data DIR]: una's numbers against transformers, TRL, PEFT and llama.cpp, live, and its folders against the
# rules of vLLM's loader. Installs the peers into .deps/peers (or uses $UNA_PEERS), but not vLLM: with $UNA_VLLM, a virtual
# environment that holds it (its CPU build will do), online methods also sample on a running one; skipped without. --data: a
# folder of real tokenizers and chat templates for the text part, skipped without it. llama.cpp is compiled for some minutes;
# where that fails, its part is skipped and says so.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
peers=${UNA_PEERS:-$root/.deps/peers}
[ -x "$peers/bin/python" ] && [ -n "${UNA_PEERS:-}" ] || bash "$root/bench/peers/setup.sh" "$peers"
if [ -z "${UNA_PEERS:-}" ] && ! "$peers/bin/python" -c 'import gguf, llama_cpp' 2>/dev/null; then
  CMAKE_ARGS="-DLLAVA_BUILD=OFF" CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)} "$peers/bin/pip" -q install \
    --no-binary llama-cpp-python llama-cpp-python==0.3.36 gguf==0.19.0 || echo "llama-cpp-python cannot be built here" >&2
fi
cmake --build "$root/build/release" --target una una_text_dump >/dev/null
exec "$peers/bin/python" "$root/tests/parity/run_all.py" --una "$root/build/release/src/una/cli/una" \
  --dump "$root/build/release/tests/parity/una_text_dump" "$@"
