# Compiles two files of one program with different instruction sets, and expects the linker to refuse them:
#   cmake -D COMPILER=... -D PROCESSOR=... -D INCLUDES=... -D SOURCE_DIR=... -D BINARY_DIR=... -P check_mixed_flags.cmake
cmake_minimum_required(VERSION 3.25)

list(TRANSFORM INCLUDES PREPEND -I OUTPUT_VARIABLE include_flags)
set(compile ${COMPILER} -std=c++20 -O0 ${include_flags} -c)
if(PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(other -mavx2 -mfma -mf16c)
else()
  set(other -march=armv8.2-a+dotprod)
endif()

function(compile_unit source object)
  execute_process(COMMAND ${compile} ${ARGN} ${SOURCE_DIR}/${source} -o ${BINARY_DIR}/${object}
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_link result_wanted name)
  set(objects)
  foreach(object IN LISTS ARGN)
    list(APPEND objects ${BINARY_DIR}/${object})
  endforeach()
  execute_process(COMMAND ${COMPILER} ${objects} -pthread -o ${BINARY_DIR}/mixed
                  RESULT_VARIABLE result ERROR_VARIABLE output)
  if(result_wanted STREQUAL "links" AND NOT result EQUAL 0)
    message(FATAL_ERROR "${name} does not link:\n${output}")
  elseif(result_wanted STREQUAL "fails" AND result EQUAL 0)
    message(FATAL_ERROR "${name} links, but must not")
  elseif(result_wanted STREQUAL "fails" AND NOT output MATCHES "undefined reference to .*threads_of")
    message(FATAL_ERROR "${name} fails to link for another reason:\n${output}")
  endif()
endfunction()

compile_unit(mixed_main.cpp main_base.o)
compile_unit(mixed_unit.cpp unit_base.o)
compile_unit(mixed_unit.cpp unit_other.o ${other})
compile_unit(mixed_unit.cpp unit_compiled.o -DTUTTI_COMPILED)
expect_link(links "a program of one instruction set" main_base.o unit_base.o)
expect_link(fails "a program of two instruction sets" main_base.o unit_other.o)
expect_link(fails "a header-only unit with one for the compiled library" main_base.o unit_compiled.o)
