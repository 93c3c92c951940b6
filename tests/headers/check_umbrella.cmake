# Passes if tutti/tutti.hpp, directly or not, includes every other host header. Those of detail/ and
# backend/cpu/simd/ may depend on the processor; structured output is included by who uses it.
#   cmake -D COMPILER=... -D INCLUDE_DIR=... -D INCLUDES=... -P check_umbrella.cmake
cmake_minimum_required(VERSION 3.25)

list(TRANSFORM INCLUDES PREPEND -I OUTPUT_VARIABLE include_flags)
execute_process(
  COMMAND ${COMPILER} -std=c++20 -MM ${include_flags} -x c++ ${INCLUDE_DIR}/tutti/tutti.hpp
  OUTPUT_VARIABLE included COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE headers RELATIVE ${INCLUDE_DIR} ${INCLUDE_DIR}/*.hpp)
list(FILTER headers EXCLUDE REGEX "/detail/|/backend/cpu/simd/|/text/grammar/")
set(missing)
foreach(header IN LISTS headers)
  string(FIND "${included}" "/${header}" position)
  if(position EQUAL -1)
    list(APPEND missing ${header})
  endif()
endforeach()
if(missing)
  message(FATAL_ERROR "tutti/tutti.hpp does not include: ${missing}")
endif()
