"""Prints what h5py sees in a checkpoint, as JSON."""
import json
import sys

import h5py
import numpy


def value(dataset):
    content = dataset[()]
    return content.decode() if isinstance(content, bytes) else numpy.asarray(content).tolist()


def attribute(content):
    if isinstance(content, numpy.ndarray):
        return [item.decode() for item in content]
    return content.decode() if isinstance(content, bytes) else content.item()


datasets, attributes = {}, {}
with h5py.File(sys.argv[1], "r") as file:
    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            datasets["/" + name] = {"type": str(item.dtype), "shape": list(item.shape), "value": value(item)}
            attributes["/" + name] = {key: attribute(item.attrs[key]) for key in item.attrs}

    file.visititems(visit)
    attributes["/"] = {key: attribute(file.attrs[key]) for key in file.attrs}
    maximum = {name: file[name].maxshape for name in datasets}
json.dump({"datasets": datasets, "attributes": attributes, "maximum": maximum}, sys.stdout)
