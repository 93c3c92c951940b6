# The target tutti::compiled: what is not a template, compiled once, with the kernels for every
# instruction set of the architecture, among which the program chooses at run time.
file(GLOB tutti_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp)

# Flags of each instruction set, as the names in base/macros.hpp require them.
if(WIN32 AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # See TUTTI_NO_WIDE_VECTORS there.
  set(tutti_instruction_sets portable)
  set(tutti_flags_portable)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(tutti_instruction_sets portable avx2 avx512 avx512_bf16)
  set(avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512cd -mavx512vnni
             -mprefer-vector-width=512)
  set(tutti_flags_portable)
  set(tutti_flags_avx2 ${avx2})
  set(tutti_flags_avx512 ${avx512})
  set(tutti_flags_avx512_bf16 ${avx512} -mavx512bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(tutti_instruction_sets neon neon_dotprod neon_i8mm)
  set(tutti_flags_neon)
  set(tutti_flags_neon_dotprod -march=armv8.2-a+dotprod)
  set(tutti_flags_neon_i8mm -march=armv8.2-a+dotprod+i8mm)
else()
  set(tutti_instruction_sets portable)
  set(tutti_flags_portable)
endif()

# Order matters: inline functions that several object files contain are taken from the first, which
# must be one that every processor can run.
list(GET tutti_instruction_sets 0 tutti_first_set)
set(tutti_kernel_sources)
foreach(set IN LISTS tutti_instruction_sets)
  add_library(tutti_kernels_${set} OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/src/kernels/${set}.cpp)
  target_link_libraries(tutti_kernels_${set} PRIVATE tutti::tutti)
  target_compile_options(tutti_kernels_${set} PRIVATE ${tutti_flags_${set}})
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(tutti_kernels_${set} PRIVATE -O3)
  endif()
  set_target_properties(tutti_kernels_${set} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  list(APPEND tutti_kernel_sources $<TARGET_OBJECTS:tutti_kernels_${set}>)
endforeach()

add_library(tutti_compiled ${tutti_sources} ${tutti_kernel_sources})
add_library(tutti::compiled ALIAS tutti_compiled)
set_target_properties(tutti_compiled PROPERTIES EXPORT_NAME compiled OUTPUT_NAME tutti
                                                POSITION_INDEPENDENT_CODE ON
                                                VERSION ${PROJECT_VERSION} SOVERSION ${tutti_MAJOR}.${tutti_MINOR})
target_link_libraries(tutti_compiled PUBLIC tutti::tutti)
target_compile_definitions(tutti_compiled PUBLIC TUTTI_COMPILED)
target_include_directories(tutti_compiled PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
if(NOT PROJECT_IS_TOP_LEVEL)
  # As a subproject only what links it builds it.
  set(tutti_object_libraries ${tutti_instruction_sets})
  list(TRANSFORM tutti_object_libraries PREPEND tutti_kernels_)
  set_target_properties(tutti_compiled ${tutti_object_libraries} PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
