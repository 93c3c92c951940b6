# What tests, examples and benchmarks share and users never inherit: warnings, the processor to compile for, the model.
add_library(tutti_development INTERFACE)
target_link_libraries(tutti_development INTERFACE tutti::tutti)
# g++ 12 warns falsely about std::string's operator+ (GCC bug 105651), hence -Wno-restrict, and about its own AVX-512 intrinsics
# (GCC bug 105593), hence the two about uninitialized values.
target_compile_options(
  tutti_development
  INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow>
            $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict;-Wno-uninitialized;-Wno-maybe-uninitialized>
            $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${TUTTI_WARNINGS_AS_ERRORS}>>:-Werror>
            $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${TUTTI_NATIVE}>>:-march=native>)

# `cmake --build --preset demo --target fetch_model` downloads SmolLM2 once; see cmake/fetch_model.cmake.
add_custom_target(
  fetch_model
  COMMAND ${CMAKE_COMMAND} -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/fetch_model.cmake
  USES_TERMINAL
  VERBATIM
  COMMENT "")

# The kernels for the instruction set of the flags, compiled once for the programs that test them
# (TUTTI_EXTERN_KERNELS, backend/cpu/kernels.hpp). Everything else uses tutti::compiled.
add_library(tutti_kernels STATIC EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/kernels.cpp)
target_link_libraries(tutti_kernels PUBLIC tutti_development)
target_compile_definitions(tutti_kernels PUBLIC TUTTI_EXTERN_KERNELS)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Sanitizer")
  target_compile_options(tutti_kernels PRIVATE -O3)
endif()

# What examples, studies, benchmarks and the other tests link.
add_library(tutti_program INTERFACE)
target_link_libraries(tutti_program INTERFACE tutti_development tutti::compiled)
