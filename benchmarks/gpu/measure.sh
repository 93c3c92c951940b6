#!/bin/sh
# Builds tutti for the GPU of this machine, runs its tests on it, a few of them under compute-sanitizer, and the benchmarks. No network
# is needed. Results: build/gpu/results/*.json.
#   benchmarks/gpu/measure.sh PREFIX [shape ...]
# PREFIX is the folder that fetch_prefix.sh has filled; shapes are those of decode_steps. PYTHON names a Python with torch and transformers
# for the comparison with PyTorch, which is left out where python3 has none.
set -eu
prefix=${1:?name the folder with the dependencies, see fetch_prefix.sh}
shift
prefix=$(cd "$prefix" && pwd)
cd "$(dirname "$0")/../.."
cmake --preset gpu -D CMAKE_PREFIX_PATH="$prefix/usr;$prefix" -D FETCHCONTENT_FULLY_DISCONNECTED=ON
cmake --build --preset gpu
results=$PWD/build/gpu/results
mkdir -p "$results"
failed=0
ctest --preset gpu --output-junit "$results/tests.xml" || failed=1
# A small set: every kernel, but no whole model.
for tool in memcheck racecheck synccheck initcheck; do
  compute-sanitizer --tool $tool --error-exitcode 1 build/gpu/tests/gpu/tutti_gpu_tests '[kernel]' \
    > "$results/$tool.txt" 2>&1 || { failed=1; echo "compute-sanitizer --tool $tool: see $results/$tool.txt"; }
done
echo "decode_steps: each measurement as it comes is a line of $results/decode_steps.jsonl"
build/gpu/benchmarks/gpu/decode_steps "$@" > "$results/decode_steps.json" 2> "$results/decode_steps.jsonl" || failed=1
python=${PYTHON:-python3}
if "$python" -c 'import torch, transformers' 2> /dev/null; then
  shapes=
  for shape in "${@:-135M 360M 1B}"; do
    [ "$shape" = 8B ] || shapes="$shapes $shape"  # has no peer: PyTorch holds the weights twice here
  done
  [ -z "$shapes" ] || "$python" benchmarks/peers/compare_pytorch.py --shape $shapes --tutti "$results/decode_steps.json" \
    --json "$results/pytorch.json" > /dev/null || failed=1
else
  echo "$python has no torch and transformers: PyTorch is not measured"
fi
echo "results: $results"
exit $failed
