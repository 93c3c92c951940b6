# SPDX-License-Identifier: Apache-2.0
"""Writes cases.json: headers of safetensors files, and whether the reference reader accepts them.

    python generate.py

Asks the package safetensors (see "version" in the file). A case is the bytes of a header, written as Latin-1, and the
number of bytes of data after it.
"""

import importlib.metadata
import json
import pathlib
import struct

from safetensors import safe_open

HERE = pathlib.Path(__file__).parent
A = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
B = '"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}'


def tensor(dtype="F32", shape="[1]", offsets="[0,4]", extra=""):
    return f'{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}{extra}}}}}'


CASES = {
    "plain": ("{" + A + "}", 4),
    "padded with spaces": ("{" + A + "}       ", 4),
    "padded with a newline": ("{" + A + "}\n", 4),
    "padded with a tab": ("{" + A + "}\t", 4),
    "padded with zeros": ("{" + A + "}\0\0\0", 4),
    "padded with other text": ("{" + A + "}x", 4),
    "a space before": (" {" + A + "}", 4),
    "a byte order mark before": ("\xef\xbb\xbf{" + A + "}", 4),
    "spaces within": ("{ " + A.replace(":", " : ").replace(",", " ,\n ") + " }", 4),
    "empty": ("", 0),
    "no tensors": ("{}", 0),
    "no tensors but data": ("{}", 4),
    "an array": ("[]", 0),
    "keys of a tensor in another order": ('{"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}}', 4),
    "tensors in another order": ("{" + B + "," + A + "}", 8),
    "metadata": ('{"__metadata__":{"k":"v"},' + A + "}", 4),
    "metadata last": ("{" + A + ',"__metadata__":{"k":"v"}}', 4),
    "metadata empty": ('{"__metadata__":{},' + A + "}", 4),
    "metadata null": ('{"__metadata__":null,' + A + "}", 4),
    "metadata with a number": ('{"__metadata__":{"k":1},' + A + "}", 4),
    "metadata with a null": ('{"__metadata__":{"k":null},' + A + "}", 4),
    "metadata with an object": ('{"__metadata__":{"k":{}},' + A + "}", 4),
    "metadata an array": ('{"__metadata__":[],' + A + "}", 4),
    "metadata a string": ('{"__metadata__":"x",' + A + "}", 4),
    "metadata twice": ('{"__metadata__":{"k":"v"},"__metadata__":{"k":"w"},' + A + "}", 4),
    "metadata key twice": ('{"__metadata__":{"k":"v","k":"w"},' + A + "}", 4),
    "tensor twice": ("{" + A + "," + A + "}", 4),
    "tensor twice in two places": ("{" + A + "," + A.replace("[0,4]", "[4,8]") + "}", 8),
    "dtype twice": (tensor(extra=',"dtype":"F32"'), 4),
    "an unknown key in a tensor": (tensor(extra=',"note":1'), 4),
    "an unknown object in a tensor": (tensor(extra=',"note":{"x":[1]}'), 4),
    "no shape": ('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4),
    "shape null": (tensor(shape="null"), 4),
    "no dtype": ('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4),
    "no offsets": ('{"a":{"dtype":"F32","shape":[1]}}', 4),
    "a tensor null": ('{"a":null}', 0),
    "a tensor as an array": ('{"a":["F32",[1],[0,4]]}', 4),
    "scalar": (tensor(shape="[]"), 4),
    "zero elements": (tensor(shape="[0]", offsets="[0,0]"), 0),
    "zero elements of rank 3": (tensor(shape="[2,0,3]", offsets="[0,0]"), 0),
    "zero elements between others": (
        "{" + A + ',"z":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},' + B + "}", 8),
    "zero elements at the end": ("{" + A + ',"z":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}', 4),
    "zero elements in the middle of another": (
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"z":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}', 8),
    "zero elements beyond the end": (tensor(shape="[0]", offsets="[8,8]"), 4),
    "shape times overflow": (tensor(shape="[4294967296,4294967296,4]", offsets="[0,0]"), 0),
    "shape overflow times zero": (tensor(shape="[4294967296,4294967296,4,0]", offsets="[0,0]"), 0),
    "zero times overflow": (tensor(shape="[0,4294967296,4294967296]", offsets="[0,0]"), 0),
    "rank 70": (tensor(shape="[" + ",".join(["1"] * 70) + "]"), 4),
    "a hole": ("{" + A + ',"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}', 12),
    "an overlap": ("{" + A + ',"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}', 6),
    "a hole before": (tensor(offsets="[4,8]"), 8),
    "data after": ("{" + A + "}", 5),
    "data missing": ("{" + A + "}", 3),
    "offsets reversed": (tensor(offsets="[4,0]"), 4),
    "offsets negative": (tensor(offsets="[-4,0]"), 4),
    "offsets with a fraction": (tensor(offsets="[0,4.0]"), 4),
    "offsets with an exponent": (tensor(offsets="[0,4e0]"), 4),
    "three offsets": (tensor(offsets="[0,4,4]"), 4),
    "one offset": (tensor(offsets="[4]"), 4),
    "offsets as strings": (tensor(offsets='["0","4"]'), 4),
    "shape negative": (tensor(shape="[-1]"), 4),
    "shape with a fraction": (tensor(shape="[1.0]"), 4),
    "shape of 2^64": (tensor(shape="[18446744073709551616]"), 4),
    "size differs": (tensor(shape="[2]"), 4),
    "unknown dtype": (tensor(dtype="F7"), 4),
    "lower case dtype": (tensor(dtype="f32"), 4),
    "name with an escape": ('{"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name empty": ('{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name with a NUL": ('{"a\\u0000":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name with a surrogate pair": ('{"\\ud83d\\ude00":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name with a lone surrogate": ('{"\\ud83d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name with invalid UTF-8": ('{"\xff":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name with UTF-8": ('{"\xc3\xa4":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "name with a raw control character": ('{"\x01":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    "trailing comma": ("{" + A + ",}", 4),
    "a comment": ("{" + A + "/* x */}", 4),
    "a large number ignored": (tensor(extra=',"note":1e999'), 4),
    "a large integer ignored": (tensor(extra=',"note":123456789012345678901234567890'), 4),
    "NaN ignored": (tensor(extra=',"note":NaN'), 4),
    "deep nesting ignored": (tensor(extra=',"note":' + "[" * 100 + "]" * 100), 4),
    "deeper nesting ignored": (tensor(extra=',"note":' + "[" * 200 + "]" * 200), 4),
}
for dtype, bits in (("BOOL", 8), ("U8", 8), ("I8", 8), ("F8_E5M2", 8), ("F8_E4M3", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8),
                    ("F8_E5M2FNUZ", 8), ("U16", 16), ("I16", 16), ("F16", 16), ("BF16", 16), ("U32", 32), ("I32", 32),
                    ("U64", 64), ("I64", 64), ("F64", 64), ("C64", 64), ("C128", 128), ("F4", 4), ("F6_E2M3", 6),
                    ("F6_E3M2", 6), ("U4", 4), ("I4", 4)):
    size = 8 * bits // 8
    CASES[f"dtype {dtype}"] = (tensor(dtype=dtype, shape="[8]", offsets=f"[0,{size}]"), size)
    CASES[f"dtype {dtype}, 3 elements"] = (tensor(dtype=dtype, shape="[3]", offsets=f"[0,{3 * bits // 8}]"), 3 * bits // 8)


def accepted(header, size):
    path = HERE / "case.safetensors"
    text = header.encode("latin-1")
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    try:
        with safe_open(path, "np") as file:
            list(file.keys()), file.metadata()
        return True
    except Exception as error:  # noqa: BLE001: any refusal
        print(f"{header[:60]!r}: {error}")
        return False
    finally:
        path.unlink()


cases = [{"name": name, "header": header, "data": size, "accepted": accepted(header, size)}
         for name, (header, size) in CASES.items()]
(HERE / "cases.json").write_text(json.dumps(
    {"version": importlib.metadata.version("safetensors"), "cases": cases}, indent=1) + "\n")
