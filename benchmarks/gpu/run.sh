#!/bin/sh
# Measures the CUDA backend on the GPU of this machine with programs that were built elsewhere: no compiler, no network, ten minutes.
#   benchmarks/gpu/run.sh OUT [BIN]
# OUT gets one file per stage and summary.jsonl; BIN is the build folder, build/gpu90 by default. README.md says what the stages are.
set -u
out=${1:?name the folder for the results}
here=$(cd "$(dirname "$0")" && pwd)
bin=${2:-$here/../../build/gpu90}
mkdir -p "$out"
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64"
measure=$bin/benchmarks/gpu/tutti_gpu_measure
tests=$bin/tests/gpu/tutti_gpu_tests
failed=0

# stage NAME LIMIT FILE COMMAND...: what the command prints goes to FILE as it comes; after LIMIT seconds it is stopped.
stage() {
  name=$1 limit=$2 file=$3
  shift 3
  begin=$(date +%s)
  timeout -k 5 "$limit" "$@" > "$out/$file" 2> "$out/errors.txt"
  rc=$?
  seconds=$(($(date +%s) - begin))
  error=$(head -c 300 "$out/errors.txt" | tr -d '\\"' | tr '\n\t' '  ')
  echo "{\"stage\": \"$name\", \"exit_code\": $rc, \"seconds\": $seconds, \"limit_seconds\": $limit, \"error\": \"$error\"}" \
    | tee -a "$out/summary.jsonl"
  rm -f "$out/errors.txt"
  [ $rc -eq 0 ] || failed=1
}

rm -f "$out/summary.jsonl"
stage device 30 device.jsonl "$measure" device
stage kernel_tests 90 kernel_tests.txt "$tests" '[kernel]'
stage kernels 150 kernels.jsonl "$measure" kernels 1B 135M 8B
stage draws 30 draws.jsonl "$measure" draws
stage steps 150 steps.jsonl "$measure" steps 135M 1B 8B
stage prefill 60 prefill.jsonl "$measure" prefill 135M 1B
if command -v compute-sanitizer > /dev/null || [ -x /usr/local/cuda/bin/compute-sanitizer ]; then
  PATH=$PATH:/usr/local/cuda/bin
  stage memcheck 60 memcheck.txt compute-sanitizer --tool memcheck --error-exitcode 1 "$tests" 'attention after a shared prompt*'
else
  echo '{"stage": "memcheck", "error": "compute-sanitizer is not installed"}' | tee -a "$out/summary.jsonl"
fi
exit $failed
