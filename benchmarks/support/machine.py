"""The machine that a benchmark ran on, in one line: figures differ twofold between generations of a CPU."""
import os
import platform

AMD = {
    0x17: [("Zen", range(0x30)), ("Zen 2", range(0x30, 0x100))],
    0x19: [("Zen 3", [*range(0x10), *range(0x20, 0x60)]),
           ("Zen 4", [*range(0x10, 0x20), *range(0x60, 0x80), *range(0xA0, 0xB0)])],
    0x1A: [("Zen 5", range(0x100))],
}
INTEL = {
    6: [("Haswell", [63]), ("Broadwell", [79, 86]), ("Skylake-SP or Cascade Lake", [85]), ("Ice Lake-SP", [106, 108]),
        ("Sapphire Rapids", [143]), ("Emerald Rapids", [207]), ("Granite Rapids", [173, 174])],
}
VENDORS = {"AuthenticAMD": AMD, "GenuineIntel": INTEL}
SETS = {"avx2": "AVX2", "avx512f": "AVX-512F", "avx512_bf16": "AVX-512 BF16", "amx_tile": "AMX"}


def microarchitecture(vendor, family, model):
    """Its name, or the numbers where that is not known."""
    for name, models in VENDORS.get(vendor, {}).get(family, []):
        if model in models:
            return name
    return f"{vendor} family {family}, model {model}"


def describe(cpuinfo, cores, coretype=None):
    """The line, from the text of /proc/cpuinfo."""
    facts = {}
    for line in cpuinfo.split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    flags = facts.get("flags", "").split()
    parts = [facts.get("model name", platform.machine())]
    if "vendor_id" in facts:
        parts.append(microarchitecture(facts["vendor_id"], int(facts["cpu family"]), int(facts["model"])))
    parts.append(f"{cores} usable core{'s' * (cores != 1)}")
    parts.append(", ".join(name for flag, name in SETS.items() if flag in flags) or "no AVX2")
    return "machine: " + "; ".join(parts + [f"OPENBLAS_CORETYPE={coretype}"] * bool(coretype))


def line():
    """This machine's."""
    with open("/proc/cpuinfo") as file:
        return describe(file.read(), len(os.sched_getaffinity(0)), os.environ.get("OPENBLAS_CORETYPE"))
