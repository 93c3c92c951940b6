# Writes the release archive, tutti-VERSION.tar.xz with what a user needs to build and install tutti, and its SHA-256:
#   cmake [-D OUT=DIRECTORY] -P packaging/make_archive.cmake
# The default directory is build/release. FetchContent_Declare(tutti URL ... URL_HASH SHA256=...) takes the archive.
cmake_minimum_required(VERSION 3.25)

cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
if(NOT OUT)
  set(OUT ${source}/build/release)
endif()
file(STRINGS ${source}/include/tutti/version.hpp lines REGEX "TUTTI_VERSION_(MAJOR|MINOR|PATCH) [0-9]")
string(REGEX REPLACE "[^;]* ([0-9]+)" "\\1" version "${lines}")
list(JOIN version . version)

set(name tutti-${version})
file(REMOVE_RECURSE ${OUT}/${name})
file(MAKE_DIRECTORY ${OUT}/${name})
foreach(entry IN ITEMS CHANGELOG.md CMakeLists.txt LICENSE README.md SECURITY.md cmake include packaging src)
  file(COPY ${source}/${entry} DESTINATION ${OUT}/${name} PATTERN test_package/build EXCLUDE PATTERN __pycache__ EXCLUDE)
endforeach()
file(COPY ${source}/tests/package/consumer.cpp DESTINATION ${OUT}/${name}/tests/package)  # which tests of packages compile
# One date for all files, that of the commit: the same commit makes the same archive.
execute_process(
  COMMAND git log -1 --format=%cs
  WORKING_DIRECTORY ${source} OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  string(TIMESTAMP date "%Y-%m-%d")
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -E tar cJf ${name}.tar.xz --mtime=${date} ${name}
  WORKING_DIRECTORY ${OUT} COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${OUT}/${name})
file(SHA256 ${OUT}/${name}.tar.xz hash)
file(WRITE ${OUT}/${name}.tar.xz.sha256 "${hash}  ${name}.tar.xz\n")
message(STATUS "${OUT}/${name}.tar.xz")
message(STATUS "SHA256 ${hash}")
