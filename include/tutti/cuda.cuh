// SPDX-License-Identifier: Apache-2.0
#pragma once
// tutti with its CUDA backend; compile with nvcc. `Ensemble<N, Transformer<Cuda>, Scorer>` is then
// an ensemble on a GPU.

#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/tutti.hpp"
