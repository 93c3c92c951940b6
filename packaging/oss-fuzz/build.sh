#!/bin/bash -eu
# Builds the fuzz targets of tests/fuzz in the environment of OSS-Fuzz ($CXX, $CXXFLAGS, $LIB_FUZZING_ENGINE, $OUT, $SRC). To try it
# without OSS-Fuzz, on Debian with clang:
#   packaging/oss-fuzz/build.sh && build/oss-fuzz/gguf_fuzzer -runs=10000 -dict=build/oss-fuzz/gguf_fuzzer.dict
# Each target gets its seeds and past finds as NAME_seed_corpus.zip, its dictionary, and NAME.options.

cd "$(dirname "$0")"
if [ -d "${SRC:-}/tutti" ]; then cd "$SRC/tutti"; else cd ../..; fi

: "${CXX:=clang++}"
: "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}"
: "${CXXFLAGS:=-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link}"
: "${OUT:=$PWD/build/oss-fuzz}"
mkdir -p "$OUT"

# Programs run on machines without these libraries, so they are linked statically where the system has them so.
libraries=()
for library in pcre2-8 utf8proc; do
  archive=$("$CXX" -print-file-name="lib$library.a")
  if [ -f "$archive" ]; then libraries+=("$archive"); else libraries+=("-l$library"); fi
done

# shellcheck disable=SC2086  # flags are meant to be split
for source in ${TARGETS:-tests/fuzz/*_fuzzer.cpp}; do
  target=$(basename "$source" .cpp)
  name=${target%_fuzzer}
  "$CXX" $CXXFLAGS -std=c++20 -Iinclude -I. "$source" \
    $LIB_FUZZING_ENGINE "${libraries[@]}" -pthread -o "$OUT/$target"
  rm -f "$OUT/${target}_seed_corpus.zip"
  inputs=()
  for folder in tests/fuzz/corpus/$name tests/fuzz/regressions/$name; do
    if [ -d "$folder" ]; then inputs+=("$folder"); fi
  done
  python3 - "$OUT/${target}_seed_corpus.zip" "${inputs[@]}" << 'END'
import hashlib, pathlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    for folder in sys.argv[2:]:
        for path in sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file()):
            archive.writestr(hashlib.sha1(path.read_bytes()).hexdigest(), path.read_bytes())
END
  dictionary=tests/fuzz/dictionaries/$name.dict
  if [ -f "$dictionary" ]; then cp "$dictionary" "$OUT/$target.dict"; fi
  printf '[libfuzzer]\nmax_len = 5120\ntimeout = 10\nrss_limit_mb = 2048\n' > "$OUT/$target.options"
done
