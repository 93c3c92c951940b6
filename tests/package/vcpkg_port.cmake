# Runs packaging/vcpkg/tutti/portfile.cmake without vcpkg: the functions below do what vcpkg's own do for this port. Builds
# nothing (the feature "compiled" is off). Checks the package's files and that all versions agree.
#   cmake -D OUT=DIRECTORY -P vcpkg_port.cmake
cmake_minimum_required(VERSION 3.25)

cmake_path(APPEND CMAKE_CURRENT_LIST_DIR ../.. OUTPUT_VARIABLE project)
cmake_path(NORMAL_PATH project)
set(port_dir ${project}/packaging/vcpkg/tutti)
set(CURRENT_PACKAGES_DIR ${OUT}/packages/tutti)
set(PORT tutti)
set(FEATURES core text)
file(REMOVE_RECURSE ${OUT})

function(vcpkg_check_features)
  cmake_parse_arguments(arg "" OUT_FEATURE_OPTIONS FEATURES ${ARGN})
  set(options)
  while(arg_FEATURES)
    list(POP_FRONT arg_FEATURES feature option)
    if(feature IN_LIST FEATURES)
      list(APPEND options -D${option}=ON)
    else()
      list(APPEND options -D${option}=OFF)
    endif()
  endwhile()
  set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(arg "" SOURCE_PATH OPTIONS ${ARGN})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${arg_SOURCE_PATH} -B ${OUT}/build -D CMAKE_BUILD_TYPE=Release -D
            CMAKE_INSTALL_PREFIX=${CURRENT_PACKAGES_DIR} ${arg_OPTIONS}
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${OUT}/build OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(arg "" CONFIG_PATH "" ${ARGN})
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/tutti-config.cmake)
    message(FATAL_ERROR "no tutti-config.cmake in ${arg_CONFIG_PATH}")
  endif()
  file(RENAME ${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH} ${CURRENT_PACKAGES_DIR}/share/${PORT})
endfunction()

function(vcpkg_fixup_pkgconfig)
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(arg "" "" FILE_LIST ${ARGN})
  file(COPY_FILE ${arg_FILE_LIST} ${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright)
endfunction()

include(${port_dir}/portfile.cmake)

foreach(file IN ITEMS include/tutti/tutti.hpp share/tutti/tutti-config.cmake share/tutti/copyright share/tutti/usage
                      share/pkgconfig/tutti.pc)
  if(NOT EXISTS ${CURRENT_PACKAGES_DIR}/${file})
    message(FATAL_ERROR "the port installs no ${file}")
  endif()
endforeach()

# The version is written in four places, which one release changes together.
file(READ ${CURRENT_PACKAGES_DIR}/share/tutti/tutti-config-version.cmake text)
string(REGEX MATCH "PACKAGE_VERSION \"([0-9.]+)\"" matched "${text}")
set(version ${CMAKE_MATCH_1})
file(READ ${port_dir}/vcpkg.json text)
string(JSON port_version GET "${text}" version)
file(STRINGS ${project}/packaging/conan/conanfile.py text REGEX "^    version = ")
string(REGEX MATCH "[0-9.]+" conan_version "${text}")
file(STRINGS ${project}/packaging/debian/changelog text LIMIT_COUNT 1)
string(REGEX MATCH "\\(([0-9.]+)" matched "${text}")
set(debian_version ${CMAKE_MATCH_1})
foreach(other IN ITEMS port conan debian)
  if(NOT ${other}_version STREQUAL version)
    message(FATAL_ERROR "include/tutti/version.hpp says ${version}, packaging/${other} says ${${other}_version}")
  endif()
endforeach()
message(STATUS "tutti ${version}: ${CURRENT_PACKAGES_DIR}")
