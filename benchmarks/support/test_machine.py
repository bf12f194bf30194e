#!/usr/bin/env python3
"""Tests of the machine's line: python3 benchmarks/support/test_machine.py"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import machine  # noqa: E402


class MachineTests(unittest.TestCase):
    def test_names(self):
        for vendor, family, model, name in [
                ("AuthenticAMD", 23, 0x01, "Zen"), ("AuthenticAMD", 23, 0x31, "Zen 2"), ("AuthenticAMD", 25, 0x01, "Zen 3"),
                ("AuthenticAMD", 25, 0x50, "Zen 3"), ("AuthenticAMD", 25, 0x11, "Zen 4"), ("AuthenticAMD", 25, 0x61, "Zen 4"),
                ("AuthenticAMD", 25, 0xA0, "Zen 4"), ("AuthenticAMD", 26, 0x02, "Zen 5"),
                ("GenuineIntel", 6, 85, "Skylake-SP or Cascade Lake"), ("GenuineIntel", 6, 106, "Ice Lake-SP"),
                ("GenuineIntel", 6, 143, "Sapphire Rapids"), ("GenuineIntel", 6, 207, "Emerald Rapids"),
                ("GenuineIntel", 6, 173, "Granite Rapids")]:
            self.assertEqual(machine.microarchitecture(vendor, family, model), name)

    def test_numbers_where_there_is_no_name(self):
        for cpu in [("AuthenticAMD", 25, 0x90), ("GenuineIntel", 6, 1), ("GenuineIntel", 25, 0x11), ("Another", 6, 85)]:
            self.assertEqual(machine.microarchitecture(*cpu), f"{cpu[0]} family {cpu[1]}, model {cpu[2]}")

    def test_no_model_has_two_names(self):
        for families in machine.VENDORS.values():
            for kinds in families.values():
                models = [model for _, numbers in kinds for model in numbers]
                self.assertEqual(len(models), len(set(models)))

    def test_line(self):
        one = ("vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n"
               "flags\t\t: fpu avx2 avx512f avx512_bf16\n")
        self.assertEqual(machine.describe(one + "\nmodel\t: 1\n", 2),
                         "machine: AMD EPYC; Zen 4; 2 usable cores; AVX2, AVX-512F, AVX-512 BF16")
        self.assertEqual(machine.describe(one.replace("avx2 avx512f avx512_bf16", "sse2"), 1, "Haswell"),
                         "machine: AMD EPYC; Zen 4; 1 usable core; no AVX2; OPENBLAS_CORETYPE=Haswell")

    def test_what_is_no_x86(self):
        self.assertRegex(machine.describe("processor\t: 0\nCPU part\t: 0xd40\n", 4), "^machine: .+; 4 usable cores; no AVX2$")

    def test_this_machine(self):
        self.assertRegex(machine.line(), "^machine: .+; [0-9]+ usable cores?; [^\n]+$")


if __name__ == "__main__":
    unittest.main()
