// SPDX-License-Identifier: Apache-2.0
// The bodies of base/ that are the same for every instruction set.
#include "tutti/base/error-inl.hpp"
#include "tutti/base/mapped_file-inl.hpp"
#include "tutti/base/threads/processors-inl.hpp"
