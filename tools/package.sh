#!/usr/bin/env bash
# ./dev package: the tree of ./dev install as dist/una-VERSION-linux-x86_64.tar.zst, which runs where it is unpacked, and as
# dist/una_VERSION_amd64.deb, which puts it into /usr/lib/una.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. tools/dev_lib.sh
apt_install zstd dpkg
version=$(build/release/src/una/cli/una --version | awk 'NR == 1 {print $2}')
name=una-$version-linux-x86_64
work=build/package
rm -rf "$work" && mkdir -p "$work" dist
tools/install.sh --prefix "$work/$name"
tar -C "$work" --owner=0 --group=0 -cf - "$name" | zstd -q -T0 -6 -f -o "dist/$name.tar.zst.part"
mv "dist/$name.tar.zst.part" "dist/$name.tar.zst"

deb=$work/deb
mkdir -p "$deb/DEBIAN" "$deb/usr/lib" "$deb/usr/bin" "$deb/usr/share/doc"
mv "$work/$name" "$deb/usr/lib/una"
for part in bash-completion zsh fish man; do mv "$deb/usr/lib/una/share/$part" "$deb/usr/share/"; done
find "$deb/usr/share/man" -name '*.1' -exec gzip -9n {} +
mv "$deb/usr/lib/una/share/una" "$deb/usr/share/doc/una"
rm -rf "$deb/usr/lib/una/share" && mv "$deb/usr/share/doc/una/LICENSE" "$deb/usr/share/doc/una/copyright"
ln -s ../lib/una/bin/una "$deb/usr/bin/una"  # the run path is relative to the file that the link names
cat > "$deb/DEBIAN/control" <<T
Package: una
Version: $version
Architecture: amd64
Maintainer: the authors of una <noreply@localhost>
Installed-Size: $(du -sk "$deb/usr" | cut -f1)
Depends: libc6 (>= 2.34), libstdc++6 (>= 12)
Section: science
Priority: optional
Description: aligns language models from pairwise, binary and score feedback
 A trainer for UNA, DPO, KTO, RLHF, reward models and SFT, with evaluation and a server. It brings LibTorch.
T
dpkg-deb --root-owner-group -Zzstd -z6 --build "$deb" "dist/una_${version}_amd64.deb" >/dev/null
rm -rf "$work"
ls -lh dist
