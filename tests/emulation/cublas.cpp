// SPDX-License-Identifier: Apache-2.0
// The emulated cuBLAS: a kernel whose threads each compute one element, adding terms in ascending
// order. It has only what the backend calls.
#include <cublas_v2.h>

#include "tutti/base/numeric/float16.hpp"

struct cublasContext {
  cudaStream_t stream = nullptr;
};

namespace {

float element(const void* matrix, cudaDataType type, std::size_t at) {
  if (type == CUDA_R_32F) return static_cast<const float*>(matrix)[at];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(matrix)[at];
  return type == CUDA_R_16F ? tutti::to_float(tutti::Float16{bits})
                            : tutti::to_float(tutti::BFloat16{bits});
}

}  // namespace

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                                   cublasOperation_t transpose_b, int m, int n, int k,
                                   const void* alpha, const void* const a[], cudaDataType a_type,
                                   int lda, const void* const b[], cudaDataType b_type, int ldb,
                                   const void* beta, void* const c[], cudaDataType c_type, int ldc,
                                   int batch_count, cublasComputeType_t, cublasGemmAlgo_t) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const bool plain = *static_cast<const float*>(alpha) == 1.0F &&
                     *static_cast<const float*>(beta) == 0.0F && c_type == CUDA_R_32F;
  if (!plain || a_type != b_type || transpose_a != CUBLAS_OP_T || transpose_b != CUBLAS_OP_N)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (m < 0 || n < 0 || k < 0 || batch_count < 0 || lda < k || ldb < k || ldc < m)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (m == 0 || n == 0 || batch_count == 0) return CUBLAS_STATUS_SUCCESS;
  const dim3 grid(static_cast<unsigned>(m), static_cast<unsigned>(batch_count)),
      block(static_cast<unsigned>(n < 256 ? n : 256));
  const cudaError_t error = tutti::emulation::launch(nullptr, grid, block, 0, handle->stream, [=] {
    const std::size_t row = blockIdx.x, matrix = blockIdx.y;
    for (std::size_t column = threadIdx.x; column < static_cast<std::size_t>(n);
         column += blockDim.x) {
      float sum = 0.0F;
      for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
        sum += element(a[matrix], a_type, row * static_cast<std::size_t>(lda) + i) *
               element(b[matrix], b_type, column * static_cast<std::size_t>(ldb) + i);
      }
      static_cast<float*>(c[matrix])[column * static_cast<std::size_t>(ldc) + row] = sum;
    }
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

const char* cublasGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_INITIALIZED ? "CUBLAS_STATUS_NOT_INITIALIZED"
                                                 : "CUBLAS_STATUS_INVALID_VALUE";
}
const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_INITIALIZED ? "the library was not initialized"
                                                 : "an unsupported value was passed";
}
