#!/usr/bin/env bash
# ./dev install --prefix DIR [--cuda]: a relocatable tree: bin/una, lib/ with LibTorch's shared libraries ($ORIGIN run
# paths), share/ with completion scripts and manual pages; --cuda: with what --device cuda loads (after ./dev setup --cuda; 4 GB).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
[ "${1:-}" = --prefix ] && [ -n "${2:-}" ] || { echo "usage: ./dev install --prefix DIR [--cuda]" >&2; exit 2; }
mkdir -p "$2/bin" "$2/lib/torch" "$2/share/una"
prefix=$(cd "$2" && pwd)
site=$root/.deps/site
command -v patchelf >/dev/null || { . "$root/tools/dev_lib.sh"; apt_install patchelf; }
cp -f "$root/build/release/src/una/cli/una" "$prefix/bin/una"
for library in libtorch_cpu.so libc10.so libgomp.so.1; do cp -f "$site/torch/lib/$library" "$prefix/lib/torch/"; done
find "$site/nvidia" -name 'libcudart.so.13' -exec cp -f {} "$prefix/lib/torch/" \; -o -name 'libcupti.so.13' -exec cp -f {} "$prefix/lib/torch/" \;
# Debian's libraries (libcurl has thirty below it) go along, so that the tree needs nothing but glibc and libstdc++.
ldd "$prefix/bin/una" | awk '$3 ~ /^\// && $3 !~ /\/lib(c|m|dl|pthread|rt|util|resolv|gcc_s|stdc\+\+)\.so/ {print $3}' |
  grep -v "^$site/" | while read -r library; do
  cp -fL "$library" "$prefix/lib/torch/"
done
patchelf --force-rpath --set-rpath '$ORIGIN/../lib/torch' "$prefix/bin/una"
for library in "$prefix"/lib/torch/*; do patchelf --force-rpath --set-rpath '$ORIGIN' "$library"; done
if [ "${3:-}" = --cuda ]; then  # after patchelf: these find each other by the program's run path
  [ -f "$site/.una-cuda-wheels" ] || { echo "install: run ./dev setup --cuda first" >&2; exit 2; }
  cp -f "$site"/torch/lib/lib{torch_cuda,c10_cuda,torch_cuda_linalg,torch_nvshmem,caffe2_nvrtc}.so "$prefix/lib/torch/"
  find "$site/nvidia" -path '*/lib/*' -name '*.so*' ! -name 'libcudart.so.13' ! -name 'libcupti.so.13' -exec cp -f {} "$prefix/lib/torch/" \;
fi
cp -f "$root/README.md" "$root/LICENSE" "$prefix/share/una/"
cp -rf "$root/configs" "$prefix/share/una/"
share=$prefix/share
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d" "$share/man/man1"
"$prefix/bin/una" completion bash > "$share/bash-completion/completions/una"
"$prefix/bin/una" completion zsh > "$share/zsh/site-functions/_una"
"$prefix/bin/una" completion fish > "$share/fish/vendor_completions.d/una.fish"
"$prefix/bin/una" --help | awk '/^  [a-z]/ {print $1}' | while read -r command; do
  "$prefix/bin/una" "$command" --help man > "$share/man/man1/una-$command.1"
done
env -i "$prefix/bin/una" --version
echo "installed into $2: the folder can be moved; it needs glibc 2.34 and libstdc++ 12 or newer"
