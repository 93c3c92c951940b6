# SPDX-License-Identifier: Apache-2.0
"""Writes json_schema.json: random JSON schemas with texts that are valid and invalid under them.

    python generate_json_schema.py

jsonschema (4.26.0, Draft202012Validator with its format checker) decides what is valid. Valid texts are written as the library
documents it: members in the schema's order, only declared members unless additionalProperties says more, no white space. A schema
is stored as text, because the order of its properties matters. Made with Python 3.11.
"""

import copy
import datetime
import json
import pathlib
import random
import string

from jsonschema import Draft202012Validator

HERE = pathlib.Path(__file__).parent
COUNT = 300
VALIDATOR = {"format_checker": Draft202012Validator.FORMAT_CHECKER}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.defs = {}

    def chance(self, p):
        return self.random.random() < p

    def text(self, low, high):
        alphabet = string.ascii_letters + string.digits + "  _-.,é漢🙂\"\\/\n\t\x01"
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(low, high)))

    def key(self):
        return self.random.choice(["id", "name", "tags", "a", "ab", "abc", "größe", "x y", "list", "node", "value", "kind", "unit",
                                   "q\"uote", "at/b~c"]) + self.random.choice(["", "", "1", "2", "_t"])

    # Each of these returns a schema and a function that draws a valid value.

    def schema(self, depth):
        makers = [self.integer, self.number, self.string, self.constant, self.pattern, self.format, self.scalar, self.typed_list]
        if depth > 0:
            makers += [self.object, self.object, self.object, self.array, self.array, self.tuple, self.any_of, self.one_of, self.all_of,
                       self.reference, self.map]
        schema, draw = self.random.choice(makers)(depth)
        if isinstance(schema, dict) and self.chance(0.15):
            schema = {"description": "for people", **schema, "default": None}
        return schema, draw

    def scalar(self, depth):
        kind = self.random.choice(["null", "boolean"])
        return {"type": kind}, lambda: None if kind == "null" else self.chance(0.5)

    def typed_list(self, depth):
        low = self.random.randint(-20, 20)
        return ({"type": ["string", "integer", "null"], "minimum": low, "minLength": 2},
                lambda: self.random.choice([None, low + self.random.randint(0, 1000), self.text(2, 6)]))

    def integer(self, depth):
        schema, low, high = {"type": "integer"}, -10 ** 12, 10 ** 12
        if self.chance(0.7):
            low = self.random.choice([0, 1, -1, self.random.randint(-2000, 2000), 10 ** 17])
            exclusive = self.chance(0.3)
            schema["exclusiveMinimum" if exclusive else "minimum"] = low if self.chance(0.8) else low - 0.5
            low += exclusive and schema.get("exclusiveMinimum") == low
            high = low + 10 ** 6
        if self.chance(0.6):
            span = self.random.choice([0, 5, 99, 12345, 10 ** 9])
            high = (low if low > -10 ** 12 else self.random.randint(-500, 500)) + span
            schema["maximum"] = high
            if low == -10 ** 12:
                low = high - 10 ** 6
        return schema, lambda: self.random.choice([low, high, self.random.randint(low, high)])

    def number(self, depth):
        if self.chance(0.4):
            return {"type": "number"}, lambda: self.random.choice(
                [0, -3, 12345, 0.5, -1.25, 1e-7, 6.02e23, -1e22, self.random.uniform(-1e6, 1e6)])
        low = round(self.random.choice([0, -1, 0.5, self.random.uniform(-100, 100), 0.001]), 3)
        high = round(low + self.random.choice([0.001, 0.25, 1, 77.5, 10000]), 3)
        exclusive = self.chance(0.3)
        schema = {"type": "number", "exclusiveMinimum" if exclusive else "minimum": low}
        if self.chance(0.7):
            schema["exclusiveMaximum" if exclusive else "maximum"] = high

        def draw():
            while True:
                value = round(self.random.uniform(low, high), self.random.randint(3, 8))
                if low < value < high and "e" not in repr(value):
                    return value
        return schema, draw

    def string(self, depth):
        schema, low, high = {"type": "string"}, 0, 12
        if self.chance(0.4):
            low = schema["minLength"] = self.random.randint(0, 5)
        if self.chance(0.4):
            high = schema["maxLength"] = low + self.random.choice([0, 1, 3, 30, 200])
        return schema, lambda: self.text(low, min(high, low + 20))

    def constant(self, depth):
        values = self.random.sample(["red", "re", "reds", "blue \"sky\"", "", "été", 0, 12, -1, 1.5, True, False, None, [1, "x"],
                                     {"k": [None], "j": 2}], self.random.randint(1, 5))
        if self.chance(0.3):
            return {"const": values[0]}, lambda: copy.deepcopy(values[0])
        schema = {"enum": values}
        if self.chance(0.3):
            schema["type"] = "string"
            values = [v for v in values if isinstance(v, str)] or ["red"]
            if "red" not in schema["enum"]:
                schema["enum"] = schema["enum"] + ["red"]
        return schema, lambda: copy.deepcopy(self.random.choice(values))

    def pattern(self, depth):
        patterns = [
            ("^[a-z]+$", lambda: self.word("abcxyz", 1, 9), {}),
            ("^[A-Z]{2,3}-\\d{1,4}$", lambda: self.word("ABZ", 2, 3) + "-" + self.word("0159", 1, 4), {}),
            ("^(foo|ba[rz])*$", lambda: "".join(self.random.choice(["foo", "bar", "baz"]) for _ in range(self.random.randint(0, 4))), {}),
            ("[pq][^a]", lambda: self.text(0, 4) + "q" + self.word("0189é\n", 1, 1) + self.text(0, 4), {}),
            ("^a|z$", lambda: self.random.choice(["a" + self.text(0, 5), self.text(0, 5) + "z"]), {}),
            ("^[^\"x]{0,5}\\\\?$", lambda: self.word("ab\n\t漢 '", 0, 5) + self.random.choice(["", "\\"]), {}),
            ("^\\w+\\s\\S$", lambda: self.word("ab_9", 1, 6) + " " + self.word("a!?é", 1, 1), {}),
            ("^[a-f0-9]*$", lambda: self.word("abf09", 3, 8), {"minLength": 3, "maxLength": 8}),
            ("^(?:[01]?\\d|2[0-3]):[0-5]\\d$", lambda: f"{self.random.randint(0, 23)}:{self.random.randint(0, 59):02}", {}),
            ("^.{2}\\u00e9\\x41$", lambda: self.word("ab é", 2, 2) + "éA", {}),
        ]
        pattern, draw, more = self.random.choice(patterns)
        return {"type": "string", "pattern": pattern, **more}, draw

    def word(self, alphabet, low, high):
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randint(low, high)))

    def format(self, depth):
        def date():
            return (datetime.date(1, 1, 1) + datetime.timedelta(days=self.random.randint(0, 3652058))).isoformat()

        def time():
            return (f"{self.random.randint(0, 23):02}:{self.random.randint(0, 59):02}:{self.random.randint(0, 59):02}"
                    + self.random.choice(["Z", ".25Z", "+01:30", "-11:00"]))
        name, draw = self.random.choice([
            ("date", date), ("time", time), ("date-time", lambda: date() + "T" + time()),
            ("uuid", lambda: "-".join(self.word("0123456789abcdefABCDEF", n, n) for n in (8, 4, 4, 4, 12))),
            ("ipv4", lambda: ".".join(str(self.random.randint(0, 255)) for _ in range(4))),
            ("email", lambda: self.word("abc.", 1, 1).replace(".", "d") + "@" + self.word("xyz", 1, 8) + ".org"),
            ("hostname", lambda: self.word("abc", 1, 9) + ".example.com"),
            ("uri", lambda: "https://example.org/" + self.word("ab/", 0, 9) + self.random.choice(["", "?q=1", "#top"]))])
        return {"type": "string", "format": name}, draw

    def array(self, depth):
        items, draw = self.schema(depth - 1)
        schema, low, high = {"type": "array", "items": items}, 0, 4
        if self.chance(0.5):
            low = schema["minItems"] = self.random.randint(0, 3)
        if self.chance(0.5):
            high = schema["maxItems"] = low + self.random.choice([0, 1, 2, 50])
        return schema, lambda: [draw() for _ in range(self.random.randint(low, min(high, low + 3)))]

    def tuple(self, depth):
        parts = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]
        schema = {"type": "array", "prefixItems": [part[0] for part in parts]}
        rest = None
        if self.chance(0.4):
            items, rest = self.schema(depth - 1)
            schema["items"] = items
        elif self.chance(0.5):
            schema["items"] = False
        low = 0
        if self.chance(0.5):
            low = schema["minItems"] = self.random.randint(0, len(parts))

        def draw():
            count = self.random.randint(low, len(parts) + (2 if rest else 0))
            return [parts[i][1]() if i < len(parts) else rest() for i in range(count)]
        return schema, draw

    def object(self, depth):
        members = {}
        for _ in range(self.random.randint(0, 5)):
            members[self.key()] = self.schema(depth - 1)
        required = [key for key in members if self.chance(0.5)]
        self.random.shuffle(required)
        schema = {"type": "object", "properties": {key: member[0] for key, member in members.items()}}
        if required or self.chance(0.3):
            schema["required"] = required
        other = None
        if self.chance(0.25):
            schema["additionalProperties"], other = self.schema(0)
        elif self.chance(0.5):
            schema["additionalProperties"] = False

        def draw():
            value = {key: member[1]() for key, member in members.items() if key in required or self.chance(0.5)}
            for key in ["zz", "i", "idx", "nam", "other"]:
                if other and key not in members and self.chance(0.2):
                    value[key] = other()
            return value
        return schema, draw

    def map(self, depth):
        values, draw = self.schema(depth - 1)
        return ({"type": "object", "additionalProperties": values},
                lambda: {self.text(0, 5): draw() for _ in range(self.random.randint(0, 3))})

    def any_of(self, depth):
        ways = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]
        return {"anyOf": [way[0] for way in ways]}, lambda: self.random.choice(ways)[1]()

    def one_of(self, depth):
        kinds = self.random.sample(["circle", "square", "line", "text"], self.random.randint(2, 3))
        ways = []
        for kind in kinds:
            inner, draw = self.schema(depth - 1)
            ways.append(({"type": "object", "properties": {"kind": {"const": kind}, "of": inner}, "required": ["kind", "of"]},
                         lambda kind=kind, draw=draw: {"kind": kind, "of": draw()}))
        if self.chance(0.5):
            ways.append(({"type": "null"}, lambda: None))
        return {"oneOf": [way[0] for way in ways]}, lambda: self.random.choice(ways)[1]()

    def all_of(self, depth):
        first, draw_first = self.schema(0)
        second, draw_second = self.schema(depth - 1)
        low = self.random.randint(0, 50)
        schema = {"allOf": [{"type": "object", "properties": {"p": first, "n": {"type": "integer"}}, "required": ["p"]},
                            {"properties": {"n": {"minimum": low}, "s": second}, "required": ["n"]}]}

        def draw():
            value = {"p": draw_first(), "n": low + self.random.randint(0, 99)}
            if self.chance(0.5):
                value["s"] = draw_second()
            return value
        return schema, draw

    def reference(self, depth):
        name = "d/" + str(len(self.defs))
        self.defs[name] = None
        inner, draw_inner = self.schema(0)
        path = "#/$defs/" + name.replace("/", "~1")
        if self.chance(0.6):
            schema = {"type": "object", "properties": {"v": inner, "next": {"anyOf": [{"$ref": path}, {"type": "null"}]}},
                      "required": ["v", "next"]}

            def draw():
                return {"v": draw_inner(), "next": draw() if self.chance(0.4) else None}
        else:
            schema = {"anyOf": [inner, {"type": "array", "items": {"$ref": path}, "maxItems": 3}]}

            def draw():
                if self.chance(0.5):
                    return draw_inner()
                return [draw() if self.chance(0.3) else draw_inner() for _ in range(self.random.randint(0, 3))]
        self.defs[name] = schema
        return {"$ref": path}, draw

    # ------- Values that are probably not valid

    def break_value(self, value):
        """The value with one part changed."""
        paths = [[]]

        def collect(part, path):
            for key, item in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else []:
                paths.append(path + [key])
                collect(item, path + [key])
        value = copy.deepcopy(value)
        collect(value, [])
        path = self.random.choice(paths)
        holder = [value]
        at, last = holder, 0
        for key in path:
            at, last = at[last], key
        old = at[last]
        replacements = [None, True, -1, 0, 7, 10 ** 18, 0.5, "", "zzz", [], {}, [old], {"zz": old}]
        if isinstance(old, (int, float)) and not isinstance(old, bool):
            replacements += [old + 1, old - 1, -old, old * 1000, old + 0.0625] * 3
        if isinstance(old, str):
            replacements += [old + "!", old[1:], old[:-1], old * 9, "x" + old, old.upper()] * 2
        if isinstance(old, list):
            replacements += [old + [None], old[1:], old * 3] * 3
        if isinstance(old, dict):
            replacements += [{**old, "extra": 1}, dict(list(old.items())[1:]), dict(list(old.items())[:-1])] * 3
        at[last] = self.random.choice(replacements)
        return holder[0]


def make(seed):
    generator = Generator(seed)
    schema, draw = generator.schema(3)
    if isinstance(schema, dict) and generator.defs:
        schema = {**schema, "$defs": generator.defs}
    validator = Draft202012Validator(schema, **VALIDATOR)
    valid, invalid = [], []
    for _ in range(12):
        value = draw()
        assert validator.is_valid(value), (schema, value)
        text = compact(value)
        if text not in valid and len(text) < 600:
            valid.append(text)
    for _ in range(60):
        value = generator.break_value(draw())
        text = compact(value)
        if not validator.is_valid(value) and text not in invalid and len(invalid) < 8 and len(text) < 600:
            invalid.append(text)
    if not valid:
        return None
    case = {"schema": json.dumps(schema, ensure_ascii=False), "valid": valid[:6], "invalid": invalid}
    value = json.loads(valid[-1])
    case["spaced"] = json.dumps(value, ensure_ascii=False)
    case["indented"] = json.dumps(value, ensure_ascii=False, indent=2)
    return case


def main():
    cases, seed, seen = [], 0, set()
    while len(cases) < COUNT:
        case = make(seed)
        seed += 1
        if case and len(case["schema"]) < 3000 and case["schema"] not in seen:
            seen.add(case["schema"])
            cases.append(case)
    text = json.dumps(cases, ensure_ascii=False, indent=0)
    (HERE / "json_schema.json").write_text(text + "\n", encoding="utf-8")
    print(len(cases), "schemas,", sum(len(c["valid"]) for c in cases), "valid texts,", sum(len(c["invalid"]) for c in cases),
          "invalid texts,", len(text.encode()), "bytes")


main()
