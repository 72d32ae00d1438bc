#!/bin/sh
# Makes build/peers/NAME, a Python environment that holds one peer: other people's work that ours is held against. Nothing
# in lectern needs it.
#
#   tests/peers/venv.sh torch | transformers | sentence | llama_cpp | llama_vulkan | computeml | tokenizers
set -e
cd "$(dirname "$0")/../.."
case "$1" in
torch) packages="torch numpy" ;;
transformers) packages="torch transformers" ;;
sentence) packages="sentence-transformers" ;;
llama_cpp) packages="llama-cpp-python" && export CMAKE_ARGS="-DLLAVA_BUILD=OFF" ;; # compiles for 10 to 20 minutes on 2 cores
llama_vulkan) # needs glslc, spirv-headers, and Vulkan headers newer than Debian 12's: VULKAN_HEADERS=/path/to/include; longer still
    packages="llama-cpp-python" no_cache=--no-cache-dir
    export CMAKE_ARGS="-DLLAVA_BUILD=OFF -DGGML_VULKAN=ON ${VULKAN_HEADERS:+-DVulkan_INCLUDE_DIR=$VULKAN_HEADERS}"
    export CXXFLAGS="${VULKAN_HEADERS:+-I$VULKAN_HEADERS}"
    ;;
computeml) packages="computeml numpy" ;;
tokenizers) packages="tokenizers sentencepiece gguf jinja2" ;;
*) echo "usage: $0 torch | transformers | sentence | llama_cpp | llama_vulkan | computeml | tokenizers" >&2 && exit 2 ;;
esac
[ -x "build/peers/$1/bin/python" ] || python3 -m venv "build/peers/$1"
# shellcheck disable=SC2086
"build/peers/$1/bin/pip" install --quiet ${no_cache:-} --disable-pip-version-check $packages
