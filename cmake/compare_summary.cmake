# Recomputes figures that are written down, and compares them exactly:
#   cmake -D EXPECTED=<file> -P compare_summary.cmake -- PROGRAM [ARGUMENTS...]
# The program prints JSON, and its member "summary" must equal the file's.
cmake_minimum_required(VERSION 3.25)

set(command)
set(seen_separator FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(seen_separator)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(seen_separator TRUE)
  endif()
endforeach()

execute_process(COMMAND ${command} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(JSON computed GET "${output}" summary)
file(READ "${EXPECTED}" text)
string(JSON written GET "${text}" summary)
string(JSON equal EQUAL "${computed}" "${written}")
if(NOT equal)
  message(FATAL_ERROR "the summary is\n${computed}\nbut ${EXPECTED} says\n${written}")
endif()
message("the summary is as ${EXPECTED} says")
