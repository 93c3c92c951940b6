// SPDX-License-Identifier: Apache-2.0
// Bodies of ensemble/ and selector/, compiled once for tutti::compiled.
#include "tutti/ensemble/fuse_distributions-inl.hpp"
#include "tutti/selector/text_similarity-inl.hpp"
