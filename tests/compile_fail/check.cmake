# Compiles SOURCE with COMPILER and passes if that fails with exactly one error whose output contains every `// expect: TEXT` of
# SOURCE. `// max lines: N` bounds the number of lines that g++ may print; `// flags: FLAGS` are added to the compilation that fails.
# With -DTUTTI_COMPILES it must succeed, so that the error comes from the mistake and not from something around it.
cmake_minimum_required(VERSION 3.25)

list(TRANSFORM INCLUDES PREPEND -I OUTPUT_VARIABLE include_flags)
set(compile ${COMPILER} -std=c++20 -fsyntax-only -fno-diagnostics-color ${include_flags} ${SOURCE})

execute_process(COMMAND ${compile} -DTUTTI_COMPILES RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "does not compile even without the mistake (with -DTUTTI_COMPILES):\n${output}")
endif()

file(STRINGS ${SOURCE} flags REGEX "^// flags: ")
string(REPLACE "// flags: " "" flags "${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(COMMAND ${compile} ${flags} RESULT_VARIABLE result ERROR_VARIABLE output)
message("${output}")
if(result EQUAL 0)
  message(FATAL_ERROR "compiles, but must not")
endif()

string(REGEX MATCHALL "error:" errors "${output}")
list(LENGTH errors error_count)
if(NOT error_count EQUAL 1)
  message(FATAL_ERROR "${error_count} errors instead of one")
endif()

file(STRINGS ${SOURCE} expectations REGEX "^// expect: ")
if(NOT expectations)
  message(FATAL_ERROR "no line `// expect: TEXT` in ${SOURCE}")
endif()
foreach(expectation IN LISTS expectations)
  string(REPLACE "// expect: " "" text "${expectation}")
  string(FIND "${output}" "${text}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "the compiler does not say: ${text}")
  endif()
endforeach()

file(STRINGS ${SOURCE} max_lines REGEX "^// max lines: ")
if(max_lines AND NOT COMPILER MATCHES "clang")
  string(REPLACE "// max lines: " "" max_lines "${max_lines}")
  string(REGEX MATCHALL "\n" lines "${output}")
  list(LENGTH lines line_count)
  if(line_count GREATER max_lines)
    message(FATAL_ERROR "${line_count} lines of output, at most ${max_lines}")
  endif()
endif()
