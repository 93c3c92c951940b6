# Headers, the exported target and the package files: `find_package(tutti 0.1 CONFIG)`.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(tutti_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/tutti)
install(DIRECTORY include/tutti DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(TARGETS tutti EXPORT tutti-targets)
install(EXPORT tutti-targets NAMESPACE tutti:: DESTINATION ${tutti_package_dir})

configure_package_config_file(cmake/tutti-config.cmake.in tutti-config.cmake INSTALL_DESTINATION ${tutti_package_dir})
# Before 1.0 a new minor version may break callers, hence SameMinorVersion.
write_basic_package_version_file(tutti-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tutti-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/tutti-config-version.cmake
              cmake/text_libraries.cmake
        DESTINATION ${tutti_package_dir})
