#!/usr/bin/env bash
# ./dev wheel [--standalone]: dist/una_align-VERSION-py3-none-manylinux_2_35_x86_64.whl: the program, Debian's libraries and
# the Python door of python/una. LibTorch is that of the torch wheel, which pip installs with it; with --standalone it is
# inside (the name then has +standalone), and nothing else is needed.
# Built on Debian 12, it asks for glibc 2.34 and libstdc++ 12 (GLIBCXX_3.4.30), together Ubuntu 22.04 or newer: manylinux_2_28
# would take a compiler and libraries of an older system.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. tools/dev_lib.sh
apt_install patchelf python3-venv
standalone=""
case "${1:-}" in '') ;; --standalone) standalone=yes ;; *) die "usage: ./dev wheel [--standalone]" ;; esac
version=$(build/release/src/una/cli/una --version | awk 'NR == 1 {print $2}')
work=build/wheel
rm -rf "$work" && mkdir -p "$work" dist
tools/install.sh --prefix "$work/tree"
cp -r python "$work/package" && cp LICENSE "$work/package/"
inside=$work/package/una
mkdir -p "$inside/bin" "$inside/lib" "$inside/share"
cp "$work/tree/bin/una" "$inside/bin/"
cp -r "$work/tree/share/una/configs" "$inside/share/"
cp -L "$work"/tree/lib/torch/* "$inside/lib/"
requires=""
if [ -z "$standalone" ]; then
  for library in libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13; do rm -f "$inside/lib/$library"; done
  requires=$(echo "$wheels" | tr ' ' '\n' | grep '^torch==')
else
  version=$version+standalone
fi
patchelf --force-rpath --set-rpath '$ORIGIN/../lib:$ORIGIN/../../torch/lib' "$inside/bin/una"
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check 'setuptools>=70.1'
UNA_VERSION=$version UNA_WHEEL_PLATFORM=manylinux_2_35_x86_64 UNA_WHEEL_REQUIRES=$requires \
  "$work/venv/bin/python" -m pip wheel -q --disable-pip-version-check --no-deps --no-build-isolation -w dist "$work/package"
rm -rf "$work"
ls -lh dist/*.whl
