#!/usr/bin/env bash
# swiftshader.sh FOLDER: unpacks SwiftShader, a Vulkan driver that runs on the processor, into FOLDER and prints the
# path of its manifest (for VK_DRIVER_FILES). It comes from Debian's chromium-common, which is fetched and unpacked,
# not installed. A second call finds it there.
set -euo pipefail
fail() { echo "swiftshader.sh: $*" >&2; exit 1; }

[ $# = 1 ] || { echo "usage: swiftshader.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
manifest=$folder/vk_swiftshader_icd.json
[ ! -f "$manifest" ] || { echo "$manifest"; exit 0; }

command -v apt-get dpkg >/dev/null || fail "SwiftShader is taken from Debian's chromium-common: no apt here"
work=$(mktemp -d "$folder/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
# apt's own user may not write here: this user downloads
if ! apt-get -o APT::Sandbox::User="$(id -un)" download chromium-common >log 2>&1; then
    cat log >&2
    fail "cannot download chromium-common; is the network up, and did apt-get update run?"
fi
dpkg -x chromium-common_*.deb files
library=$(find files -name libvk_swiftshader.so -print -quit)
[ -n "$library" ] || fail "chromium-common holds no libvk_swiftshader.so: $(ls chromium-common_*.deb)"
mv "$library" "$folder/"
# written last and renamed: its presence says that the library is whole
printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.0.5"}}\n' \
    "$folder/libvk_swiftshader.so" >manifest
mv manifest "$manifest"
echo "$manifest"
