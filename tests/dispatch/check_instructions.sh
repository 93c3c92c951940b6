#!/bin/sh
# check_instructions.sh OBJDUMP PROGRAM: fails if PROGRAM, compiled without processor flags, has AVX
# instructions in a function that does not belong to one of the instruction sets' namespaces. The
# linker keeps one copy of an inline function that several object files have: this finds out when it
# kept one that not every processor can run.
set -eu
"$1" -d -C --no-show-raw-insn "$2" | awk '
  /^[0-9a-f]+ <.*>:$/ {
    name = $0
    tagged = name ~ /::(avx2|avx512|avx512_bf16)::/
    seen = 0
  }
  !tagged && !seen && ($0 ~ /%[yz]mm[0-9]/ || $2 ~ /^v(mov|add|mul|fm|p|x|b|c|e|d|g|i|m|r|s|u|z)/) {
    print name
    seen = 1
    count++
  }
  END {
    if (count > 0) { print count " functions with AVX outside of the kernels"; exit 1 }
  }'
