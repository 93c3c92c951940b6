# Headers, the exported targets and the package files: `find_package(tutti 0.1 CONFIG)`, pkg-config, CPS.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(DIRECTORY include/tutti DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(TARGETS tutti EXPORT tutti-targets)
if(TUTTI_COMPILED_LIBRARY)
  install(TARGETS tutti_compiled EXPORT tutti-targets)
  set(tutti_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tutti)
  set(tutti_pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  set(tutti_arch_independent)
else()  # headers alone serve every architecture
  set(tutti_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/tutti)
  set(tutti_pkgconfig_dir ${CMAKE_INSTALL_DATADIR}/pkgconfig)
  set(tutti_arch_independent ARCH_INDEPENDENT)
endif()
install(EXPORT tutti-targets NAMESPACE tutti:: DESTINATION ${tutti_package_dir})

configure_package_config_file(cmake/tutti-config.cmake.in tutti-config.cmake INSTALL_DESTINATION ${tutti_package_dir})
# Before 1.0 a new minor version may break callers, hence SameMinorVersion.
write_basic_package_version_file(tutti-config-version.cmake COMPATIBILITY SameMinorVersion ${tutti_arch_independent})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tutti-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/tutti-config-version.cmake
              cmake/text_libraries.cmake
        DESTINATION ${tutti_package_dir})

# pkg-config. The paths are relative to the .pc file, so that an installed tree can be moved.
function(tutti_install_pkgconfig name)
  foreach(dir IN ITEMS INCLUDEDIR LIBDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${dir}})
      set(pc_${dir} ${CMAKE_INSTALL_${dir}})
    else()
      set(pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
  endforeach()
  if(IS_ABSOLUTE ${tutti_pkgconfig_dir})
    set(pc_prefix ${CMAKE_INSTALL_PREFIX})
  else()
    file(RELATIVE_PATH up /${tutti_pkgconfig_dir} /)
    string(REGEX REPLACE "/$" "" up ${up})
    set(pc_prefix "\${pcfiledir}/${up}")
  endif()
  set(pc_requires nlohmann_json)
  if(TUTTI_TEXT_LIBRARIES)
    list(APPEND pc_requires libpcre2-8 libutf8proc)
  else()
    set(pc_definitions " -DTUTTI_WITHOUT_TEXT_LIBRARIES")
  endif()
  list(JOIN pc_requires ", " pc_requires)
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${tutti_pkgconfig_dir})
endfunction()
tutti_install_pkgconfig(tutti)
if(TUTTI_COMPILED_LIBRARY)
  tutti_install_pkgconfig(tutti-compiled)
endif()

# The Common Package Specification (tutti.cps), which find_package() of CMake 4.3 and other build systems read.
if(CMAKE_VERSION VERSION_GREATER_EQUAL 4.3)
  install(PACKAGE_INFO tutti EXPORT tutti-targets VERSION ${PROJECT_VERSION} COMPAT_VERSION ${tutti_MAJOR}.${tutti_MINOR}.0
          DEFAULT_TARGETS tutti LICENSE Apache-2.0)
endif()
