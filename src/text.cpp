// SPDX-License-Identifier: Apache-2.0
// Tokenizers and their readers, compiled once for tutti::compiled.
#include "tutti/text/pre_tokenizer/pre_tokenizer_chain-inl.hpp"
#include "tutti/text/pre_tokenizer/regex_pattern-inl.hpp"
#include "tutti/text/tokenizer/load_tokenizer-inl.hpp"
#include "tutti/text/tokenizer/tokenizer-inl.hpp"
#include "tutti/text/tokenizer/tokenizer_difference-inl.hpp"
#include "tutti/text/tokenizer/tokenizer_gguf-inl.hpp"
#include "tutti/text/tokenizer/tokenizer_json-inl.hpp"
#include "tutti/text/unicode/nfc-inl.hpp"
