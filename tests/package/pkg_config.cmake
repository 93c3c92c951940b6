# Compiles consumer.cpp with the flags that pkg-config gives, and runs it:
#   cmake -D PREFIX=... -D PACKAGE=tutti -D COMPILER=... -D OUT=... -P pkg_config.cmake
cmake_minimum_required(VERSION 3.25)

find_program(pkg_config NAMES pkg-config pkgconf)
if(NOT pkg_config)
  message("SKIPPED: pkg-config is not installed")
  return()
endif()
file(GLOB_RECURSE pc ${PREFIX}/${PACKAGE}.pc)
if(NOT pc)
  message(FATAL_ERROR "${PREFIX} has no ${PACKAGE}.pc")
endif()
cmake_path(GET pc PARENT_PATH pc_dir)
set(ENV{PKG_CONFIG_PATH} ${pc_dir})
execute_process(COMMAND ${pkg_config} --cflags --libs ${PACKAGE} OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
message("${PACKAGE}: ${flags}")
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(COMMAND ${COMPILER} ${CMAKE_CURRENT_LIST_DIR}/consumer.cpp ${flags} -o ${OUT} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${OUT} COMMAND_ERROR_IS_FATAL ANY)
