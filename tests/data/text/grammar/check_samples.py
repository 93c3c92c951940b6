# SPDX-License-Identifier: Apache-2.0
"""Checks texts that the library drew under schemas with jsonschema (4.26.0).

    TUTTI_GRAMMAR_SAMPLES=/tmp/samples.json build/test/tests/tutti_text_tests "What is drawn under a schema*"
    python check_samples.py /tmp/samples.json
"""

import json
import sys

from jsonschema import Draft202012Validator

samples = json.load(open(sys.argv[1], encoding="utf-8"))
validators = {}
wrong = 0
for sample in samples:
    schema = sample["schema"]
    if schema not in validators:
        validators[schema] = Draft202012Validator(json.loads(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = list(validators[schema].iter_errors(json.loads(sample["text"])))
    wrong += bool(errors)
    for error in errors[:1]:
        print("NOT VALID", error.message, schema, sample["text"], sep="\n  ")
print(len(samples), "texts under", len(validators), "schemas,", wrong, "not valid")
sys.exit(wrong > 0)
