# The CUDA language and the target tutti::cuda: tutti plus what its .cuh headers need.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80 90 CACHE STRING "GPU architectures to compile for")
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

add_library(tutti_cuda INTERFACE)
add_library(tutti::cuda ALIAS tutti_cuda)
# CMake 3.25 does not know the feature cuda_std_20 of nvcc. Relaxed: device code uses std::array, whose members are constexpr.
target_compile_options(tutti_cuda INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr>")
# A static runtime is for programs that run on machines without the toolkit; cuBLAS stays shared, since it is large.
if(CMAKE_CUDA_RUNTIME_LIBRARY STREQUAL "Static")
  target_link_libraries(tutti_cuda INTERFACE tutti::tutti CUDA::cudart_static CUDA::cublas)
else()
  target_link_libraries(tutti_cuda INTERFACE tutti::tutti CUDA::cudart CUDA::cublas)
endif()
