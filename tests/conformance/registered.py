#!/usr/bin/env python3
"""The operators that LiteRT Micro registers, read from the symbols of its Python package.

    P tests/conformance/registered.py            write registered.txt
    P tests/conformance/registered.py --check    compare it, write nothing
"""
import importlib.util
import pathlib
import re
import sys

LIST = pathlib.Path(__file__).resolve().parent / "registered.txt"
# Custom operators by the name that a model has for them; their functions are called otherwise.
CUSTOM = {
    "BASIC_CLASSIFIER": "BasicClassifier",
    "DELAY": "SignalDelay",
    "DETECTION_POSTPROCESS": "TFLite_Detection_PostProcess",
    "ENERGY": "SignalEnergy",
    "FFT_AUTO_SCALE": "SignalFftAutoScale",
    "FILTER_BANK": "SignalFilterBank",
    "FILTER_BANK_LOG": "SignalFilterBankLog",
    "FILTER_BANK_SPECTRAL_SUBTRACTION": "SignalFilterBankSpectralSubtraction",
    "FILTER_BANK_SQUARE_ROOT": "SignalFilterBankSquareRoot",
    "FRAMER": "SignalFramer",
    "IRFFT": "SignalIrfft",
    "OVERLAP_ADD": "SignalOverlapAdd",
    "PCAN": "SignalPCAN",
    "RFFT": "SignalRfft",
    "STACKER": "SignalStacker",
    "WINDOW": "SignalWindow",
}
# Functions for one type of an operator that has its own, and one that no resolver has.
OTHERS = re.compile(r"(IRFFT|RFFT|OVERLAP_ADD)_\w+|L2NORM_REF")


def registered():
    package = pathlib.Path(importlib.util.find_spec("tflite_micro").origin).parent
    library = (package / "python" / "tflite_micro" / "_runtime.so").read_bytes()
    # Mangled: a length, the name, the parameters `()`.
    found = re.findall(rb"(\d\d)(Register_[A-Z0-9_]+)", library)
    names = {name[: int(length)].decode().removeprefix("Register_") for length, name in found}
    strings = set(re.findall(rb"[A-Za-z_]{4,}", library))
    for name in CUSTOM.values():
        assert name.encode() in strings, name
    return sorted(CUSTOM.get(name, name) for name in names if not OTHERS.fullmatch(name))


def main():
    text = "\n".join(registered()) + "\n"
    if "--check" not in sys.argv:
        LIST.write_text(text)
        return 0
    if LIST.read_text() != text:
        print(f"{LIST.name} is not what the package registers: run tests/conformance/registered.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
