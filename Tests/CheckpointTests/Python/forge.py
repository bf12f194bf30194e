"""Alters a checkpoint as its first argument says and seals it anew, as docs/checkpoint.md describes the seal."""
import json
import struct
import sys

import h5py
import numpy

MASK = (1 << 64) - 1
P1, P2, P3, P4, P5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotate(x, r):
    return (x << r | x >> (64 - r)) & MASK


def mix(lane, word):
    return rotate((lane + word * P2) & MASK, 31) * P1 & MASK


def xxh64(data):
    end = len(data) // 32 * 32
    if end:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        for i in range(0, end, 32):
            lanes = [mix(lane, word) for lane, word in zip(lanes, struct.unpack_from("<4Q", data, i))]
        h = sum(rotate(lane, r) for lane, r in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            h = ((h ^ mix(0, lane)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + len(data)) & MASK
    i = end
    while i + 8 <= len(data):
        h = (rotate(h ^ mix(0, struct.unpack_from("<Q", data, i)[0]), 27) * P1 + P4) & MASK
        i += 8
    if i + 4 <= len(data):
        h = (rotate(h ^ struct.unpack_from("<I", data, i)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        i += 4
    for byte in data[i:]:
        h = rotate(h ^ byte * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def replace_text(file, name, text):
    del file[name]
    kind = h5py.string_dtype("utf-8", len(text))
    file.create_dataset(name, data=numpy.array(text.encode(), dtype=kind), dtype=kind)


def edit_manifest(file, change):
    manifest = json.loads(file["manifest"][()])
    change(manifest)
    text = json.dumps(manifest)
    replace_text(file, "manifest", text)
    file.attrs["manifest_xxh64"] = numpy.bytes_("%016x" % xxh64(text.encode()))


def same_file(file):
    pass


def extra_dataset(file):
    file["model/extra"] = numpy.zeros(3, "f4")


def missing_dataset(file):
    del file["model/a.weight"]


def soft_link(file):
    del file["model/a.weight"]
    file["model/a.weight"] = h5py.SoftLink("/model/b.weight")


def external_link(file):
    del file["model/a.weight"]
    file["model/a.weight"] = h5py.ExternalLink("/etc/passwd", "/x")


def filtered(file):
    data = file["model/a.weight"][...]
    del file["model/a.weight"]
    file.create_dataset("model/a.weight", data=data, compression="gzip")


def outside_data(file):
    data = file["model/a.weight"]
    shape = data.shape
    del file["model/a.weight"]
    file.create_dataset("model/a.weight", shape, "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def variable_text(file):
    del file["config"]
    file["config"] = "{}"


def other_type(file):
    data = file["model/a.weight"][...]
    del file["model/a.weight"]
    file["model/a.weight"] = data.astype("f8")


def other_shape(file):
    data = file["model/a.weight"][...]
    del file["model/a.weight"]
    file["model/a.weight"] = data.reshape(-1)


def other_values(file):
    file["model/a.weight"][0, 0] += 1


def group_for_dataset(file):
    del file["model/a.weight"]
    file.create_group("model/a.weight")


def cycle(file):
    file["model/again"] = file["model"]


def no_manifest(file):
    del file["manifest"]


def other_manifest(file):
    replace_text(file, "manifest", "{}")


def absurd_shape(file):
    edit_manifest(file, lambda manifest: manifest["datasets"][1].update(shape=[2**40, 2**40]))


def negative_shape(file):
    edit_manifest(file, lambda manifest: manifest["datasets"][1].update(shape=[-1, 4]))


def large_shape(file):
    edit_manifest(file, lambda manifest: manifest["datasets"][1].update(shape=[2**30]))


def listed_twice(file):
    edit_manifest(file, lambda manifest: manifest["datasets"].append(manifest["datasets"][1]))


def other_step(file):
    file.attrs["step"] = numpy.int64(8)


def broken_json(file):
    edit_manifest(file, lambda manifest: manifest.pop("datasets"))


def seal(path):
    with open(path, "r+b") as file:
        data = file.read()
        lines = f"drrl checkpoint\nformat 1\nlength {len(data)}\nxxh64 {xxh64(data[512:]):016x}\n"
        file.seek(0)
        file.write(lines.ljust(511).encode() + b"\n")


with h5py.File(sys.argv[2], "r+", libver=("earliest", "v108")) as checkpoint:
    globals()[sys.argv[1]](checkpoint)
seal(sys.argv[2])
