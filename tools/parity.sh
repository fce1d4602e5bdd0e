#!/usr/bin/env bash
# ./dev parity [--data DIR]: una's numbers against transformers, TRL and PEFT, live. Installs them into .deps/peers
# (or uses $UNA_PEERS). --data: a folder of real tokenizers and chat templates for the text part, skipped without it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
peers=${UNA_PEERS:-$root/.deps/peers}
[ -x "$peers/bin/python" ] && [ -n "${UNA_PEERS:-}" ] || bash "$root/bench/peers/setup.sh" "$peers"
cmake --build "$root/build/release" --target una una_text_dump >/dev/null
exec "$peers/bin/python" "$root/tests/parity/run_all.py" --una "$root/build/release/src/una/cli/una" \
  --dump "$root/build/release/tests/parity/una_text_dump" "$@"
