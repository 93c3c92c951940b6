// SPDX-License-Identifier: Apache-2.0
// Bodies of engine/, compiled once for tutti::compiled.
#include "tutti/engine/detail/check_request-inl.hpp"
#include "tutti/engine/detail/engine_state-inl.hpp"
#include "tutti/engine/engine_options-inl.hpp"
#include "tutti/method/generate-inl.hpp"
