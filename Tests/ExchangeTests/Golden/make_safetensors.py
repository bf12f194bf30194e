"""Makes types.safetensors, float32.safetensors and expected.json: files of the reference implementation.

types.safetensors has a tensor of every kind that is read, with the numbers where a conversion can go wrong, and some
that are only listed. float32.safetensors is as a model of this program's is written. expected.json gives every tensor's
type and shape, and of those that are read the bits of their values in float32, as numpy and PyTorch convert them.

    python -m venv venv && venv/bin/pip install torch numpy safetensors && venv/bin/python make_safetensors.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent

# Zeros, subnormal numbers and their ends, ones, the largest, the smallest normal, infinities, NaN.
HALF = [0x0000, 0x8000, 0x0001, 0x8001, 0x0002, 0x03FF, 0x83FF, 0x0400, 0x3C00, 0xBC01, 0x3555, 0x7BFF, 0xFBFF, 0x7C00,
        0xFC00, 0x7E00]
BFLOAT = [0x0000, 0x8000, 0x0001, 0x807F, 0x0080, 0x3F80, 0xBF81, 0x4049, 0x7F7F, 0xFF7F, 0x7F80, 0xFF80, 0x7FC0]
# Ties to even, to the next, below half of the smallest subnormal number, beyond the largest.
DOUBLE = [0.0, -0.0, 1.0, 0.1, 1 + 2.0**-24, 1 + 3 * 2.0**-24, 1 + 2.0**-24 + 2.0**-50, 2.0**-149, 2.0**-150, 1e-320,
          3.4028235677973366e38, 3.4028235e38, -1e300, float("inf"), float("nan")]


def bits(values, kind):
    return torch.from_numpy(np.array(values, dtype=np.uint16).view(np.int16)).view(kind)


def ramp(*shape):
    count = int(np.prod(shape))
    return (torch.arange(count, dtype=torch.float32) * 37 % 101 / 8 - 5).reshape(shape)


TYPES = {
    "half.every": bits(HALF, torch.float16).reshape(4, 4),
    "bfloat.every": bits(BFLOAT, torch.bfloat16),
    "double.every": torch.tensor(DOUBLE, dtype=torch.float64).reshape(3, 5),
    "single.matrix": ramp(3, 4),
    "single.number": torch.tensor(2.5),
    "single.empty": torch.zeros(0, 7),
    "größer.\"quoted\"": ramp(2),
    "integers": torch.arange(6).reshape(2, 3),
    "mask": torch.tensor([True, False, True]),
    "bytes": torch.arange(5, dtype=torch.uint8),
}
FLOAT32 = {
    "transformer.wte.weight": ramp(11, 4),
    "transformer.h.0.attn.c_attn.bias": ramp(12),
    "transformer.h.10.ln_1.weight": ramp(4),
    "transformer.h.2.ln_1.weight": ramp(4) + 1,
    "Ünicode\\\"name": ramp(1, 2, 3),
    "empty": torch.zeros(0),
    "scale": torch.tensor(-0.0),
}
READ = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}
LISTED = {torch.int64: "I64", torch.bool: "BOOL", torch.uint8: "U8"}


def described(tensors):
    entries = {}
    for name, tensor in tensors.items():
        entry = {"type": {**READ, **LISTED}[tensor.dtype], "shape": list(tensor.shape)}
        if tensor.dtype in READ:
            with np.errstate(over="ignore"):
                entry["bits"] = tensor.to(torch.float32).numpy().view(np.uint32).reshape(-1).tolist()
        entries[name] = entry
    return entries


save_file(TYPES, FOLDER / "types.safetensors", metadata={"format": "pt", "made by": "make_safetensors.py"})
save_file(FLOAT32, FOLDER / "float32.safetensors", metadata={"format": "pt"})
files = {"types.safetensors": described(TYPES), "float32.safetensors": described(FLOAT32)}
(FOLDER / "expected.json").write_text(json.dumps(files, ensure_ascii=False, indent=1) + "\n")
