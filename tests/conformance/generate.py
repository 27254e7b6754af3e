#!/usr/bin/env python3
"""Models for the conformance test, and what LiteRT Micro computes with them.

    P tests/conformance/generate.py                          write the committed corpus, corpus.tar.gz
    P tests/conformance/generate.py --check                  compare both committed archives, write nothing
    P tests/conformance/generate.py --count 2400 --out F     more models, into the archive F
    P tests/conformance/generate.py --only conv --out F      those whose names begin so
    P tests/conformance/generate.py --keep NAME=WORDS        add case NAME to found.tar.gz and call it WORDS

P is Python with the packages of `tests/oracle/requirements.txt`. A case's name, its entry and a number, decides
everything in it: the corpus and a larger run have the same case under the same name.
"""
import argparse
import collections
import pathlib
import sys
import zlib

import numpy as np

import archive
import basic  # noqa: F401 (registers its entries, as do those below)
import detection  # noqa: F401
import elementwise  # noqa: F401
import movement  # noqa: F401
import sequence  # noqa: F401
import signal_ops  # noqa: F401
import state  # noqa: F401
import weighted  # noqa: F401
from graph import Graph
from registry import ENTRIES

HERE = pathlib.Path(__file__).resolve().parent
CORPUS, FOUND = HERE / "corpus.tar.gz", HERE / "found.tar.gz"
SEED, COUNT = 1, 200
# One model of four has several operators, all of one type or of any.
CHAINED, CHAINS = 4, ["int8", "int8", "int16", "int8", "float32", "any"]
# Entries that come five times as often as others.
OFTEN = ["add", "average_pool_2d", "conv_2d", "depthwise_conv_2d", "fully_connected", "max_pool_2d", "softmax"]
# Entries that are not part of chains: LiteRT Micro leaves their results undefined, at times or always.
ALONE = {"space_to_batch_nd.float32", "space_to_batch_nd.int8"}
# Operators of the audio front end have shapes that others do not make.
ALONE |= {name for name in ENTRIES if name.startswith("signal_")}
# ULP by which a float32 may differ from the committed one on another machine: its C library is part of LiteRT Micro.
FLOAT_ULP = 8


def make(name):
    """The model called `name` and its vectors of inputs."""
    entry, number = name.rsplit("-", 1)
    rng = np.random.Generator(np.random.PCG64([SEED, zlib.crc32(entry.encode()), int(number)]))
    kind, type = entry.split(".")
    graph = Graph(rng, chained=kind == "several")
    if graph.chained:
        entries = [key for key in sorted(ENTRIES.keys() - ALONE) if type in ("any", key.split(".")[1])]
        for _ in range(graph.whole(2, 7)):
            ENTRIES[graph.pick(entries)](graph)
    else:
        ENTRIES[entry](graph)
    vectors = archive.SEQUENCE if graph.keeps_state() else archive.VECTORS
    return graph.file(), [graph.vector() for _ in range(vectors)]


def names(count, prefix):
    """Names of `count` cases, and of one for each entry at least."""
    entries = sorted(ENTRIES) + [f"{name}.int8" for name in OFTEN] * 4
    numbers, chosen = collections.Counter(), []
    for n in range(max(count, len(entries) * CHAINED // (CHAINED - 1) + 1)):
        if n % CHAINED == 0:
            entry = f"several.{CHAINS[n // CHAINED % len(CHAINS)]}"
        else:
            entry = entries[(n - n // CHAINED - 1) % len(entries)]
        chosen.append(f"{entry}-{numbers[entry]:04}")
        numbers[entry] += 1
    return [name for name in chosen if name.startswith(prefix)]


def generate(names):
    return list(archive.run([(name, *make(name)) for name in names]))


def check():
    """Compares the committed archives with what comes out now; says what differs."""
    old = archive.read(CORPUS)
    new = {case.name: case for case in generate(names(COUNT, ""))}
    problems = [f"{CORPUS.name}: {name} is missing" for name in sorted(new.keys() - {case.name for case in old})]
    pairs = [(CORPUS, case, new.get(case.name)) for case in old]
    found = archive.read(FOUND)
    again = archive.run([(case.name, case.model, archive.inputs(case)) for case in found])
    pairs += [(FOUND, case, fresh) for case, fresh in zip(found, again)]
    for path, case, fresh in pairs:
        what = archive.difference(case, fresh, FLOAT_ULP) if fresh else "is no longer generated"
        if what:
            problems.append(f"{path.name}: {case.name}: {what}")
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("run tests/conformance/generate.py and read what changed", file=sys.stderr)
    return 1 if problems else 0


def keep(pairs):
    """Adds cases to what has been found, under names that say what was wrong."""
    kept = {case.name: case for case in archive.read(FOUND)}
    for pair in pairs:
        name, words = pair.split("=")
        (case,) = generate([name])
        case.name = words
        kept[words] = case
    archive.write(FOUND, kept.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=pathlib.Path, default=CORPUS)
    parser.add_argument("--keep", nargs="+")
    options = parser.parse_args()
    if options.check:
        return check()
    if options.keep:
        return keep(options.keep)
    cases = generate(names(options.count, options.only))
    archive.write(options.out, cases)
    outcomes = collections.Counter(case.outcome for case in cases)
    print(f"{options.out}: {len(cases)} models, {options.out.stat().st_size} bytes, {dict(outcomes)}")
    for case in cases:
        if case.outcome != "ran":
            print(f"  {case.name} {case.outcome} {case.reason}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
