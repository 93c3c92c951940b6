# Compiles for 64-bit Windows on Debian (g++-mingw-w64-x86-64-posix) and runs the programs with Wine, if that is installed.
#
# No AVX: GCC aligns the stack to 16 bytes only on Windows (GCC bug 54412), so that 32-byte vectors on the stack crash. The
# portable kernels serve. -mbig-obj: the templates of one unit fill more sections than a COFF object has otherwise. -static: the
# programs run without GCC's DLLs.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_CXX_FLAGS_INIT "-mno-avx -Wa,-mbig-obj")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")

find_program(TUTTI_WINE NAMES wine wine64)
if(TUTTI_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_COMMAND} -E env WINEDEBUG=-all ${TUTTI_WINE})
endif()

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

# The host's header-only packages. Their own CMake files name /usr/include, which holds the headers of another system too, so
# links to the three folders and small package files take their place.
set(host_packages ${CMAKE_BINARY_DIR}/host_packages)
function(tutti_use_host_package name target folder)
  if(NOT EXISTS /usr/include/${folder})
    return()
  endif()
  file(MAKE_DIRECTORY ${host_packages}/${name})
  if(NOT EXISTS ${host_packages}/${name}/${folder})
    file(CREATE_LINK /usr/include/${folder} ${host_packages}/${name}/${folder} SYMBOLIC)
  endif()
  file(WRITE ${host_packages}/${name}/${name}ConfigVersion.cmake "set(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
  file(
    WRITE ${host_packages}/${name}/${name}Config.cmake
    "if(NOT TARGET ${target})
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} INTERFACE \"\${CMAKE_CURRENT_LIST_DIR}${ARGN}\")
endif()
set(${name}_FOUND TRUE)
")
  set(${name}_DIR ${host_packages}/${name} CACHE PATH "The host's ${name}")
endfunction()
tutti_use_host_package(nlohmann_json nlohmann_json::nlohmann_json nlohmann)
tutti_use_host_package(Catch2 Catch2::Catch2 catch2)
list(APPEND CMAKE_MODULE_PATH /usr/lib/cmake/Catch2)
