#!/bin/sh
# Builds the Debian package libtutti-dev from this checkout, in build/debian:
#   apt-get install debhelper dpkg-dev fakeroot && packaging/build_debian.sh
# DEBFULLNAME and DEBEMAIL, if both are set, replace the placeholder for the maintainer.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/build/debian
rm -rf "$out"
cmake -D OUT="$out" -P packaging/make_archive.cmake
cd "$out"
archive=$(ls tutti-*.tar.xz)
version=${archive#tutti-}
version=${version%.tar.xz}
mv "$archive" "tutti_$version.orig.tar.xz"
tar xf "tutti_$version.orig.tar.xz"
cd "tutti-$version"
cp -r packaging/debian debian
if [ -n "${DEBFULLNAME:-}" ] && [ -n "${DEBEMAIL:-}" ]; then
  sed -i "s/^Maintainer: .*/Maintainer: $DEBFULLNAME <$DEBEMAIL>/" debian/control
  sed -i "s/^ -- .* <.*>/ -- $DEBFULLNAME <$DEBEMAIL>/" debian/changelog
fi
dpkg-buildpackage -us -uc -b
ls -l ..
