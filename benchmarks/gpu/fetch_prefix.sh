#!/bin/sh
# Fills a folder with what measure.sh needs on a machine without network: Debian's packages of the libraries in tutti's interface and
# of the test framework, unpacked, not installed. Needs a Debian or Ubuntu machine with network, and no other right.
#   benchmarks/gpu/fetch_prefix.sh PREFIX
set -eu
prefix=${1:?name the folder to fill}
mkdir -p "$prefix"
cd "$prefix"
apt-get download nlohmann-json3-dev catch2
for package in *.deb; do
  dpkg -x "$package" .
  rm "$package"
done
