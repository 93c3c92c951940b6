# Recomputes figures that are written down, and compares them exactly:
#   cmake -D EXPECTED=<file> -P compare_summary.cmake -- PROGRAM [ARGUMENTS...]
# The program prints JSON, and its member "summary" must equal the file's.
cmake_minimum_required(VERSION 3.25)

include("${CMAKE_CURRENT_LIST_DIR}/command_line.cmake")

execute_process(COMMAND ${command} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(JSON computed GET "${output}" summary)
file(READ "${EXPECTED}" text)
string(JSON written GET "${text}" summary)
string(JSON equal EQUAL "${computed}" "${written}")
if(NOT equal)
  message(FATAL_ERROR "the summary is\n${computed}\nbut ${EXPECTED} says\n${written}")
endif()
message("the summary is as ${EXPECTED} says")
