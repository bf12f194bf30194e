"""Prints what Python's safetensors reads in a file, as JSON: metadata, and types, shapes and float32 bits of tensors."""

import json
import sys

import numpy as np
from safetensors import safe_open

tensors = {}
with safe_open(sys.argv[1], framework="np") as file:
    for name in file.keys():
        values = file.get_tensor(name)
        tensors[name] = {
            "type": str(values.dtype),
            "shape": list(values.shape),
            "bits": values.view(np.uint32).reshape(-1).tolist(),
        }
    print(json.dumps({"metadata": file.metadata(), "tensors": tensors}))
