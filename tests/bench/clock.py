"""Wall time and processor time of commands, and medians over rounds in which the commands take turns."""

import os
import statistics
import subprocess
import tempfile
import time


class Took:
    """What a command took, in milliseconds, and what it printed."""

    def __init__(self, wall, cpu, out):
        self.wall, self.cpu, self.out = wall, cpu, out


def took(command, cwd, env):
    """Runs a command to its end; a failure ends the benchmark."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}\n{err.read().decode()}")
        return Took(wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, out.read().decode())


def medians(commands, rounds, env):
    """`commands` is name → (command, folder). They take turns, so that other load falls on all alike."""
    all_took = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, folder) in commands.items():
            all_took[name].append(took(command, folder, env))
    return {name: Median(runs) for name, runs in all_took.items()}


class Median:
    """Medians and the best of several runs."""

    def __init__(self, runs):
        self.runs = runs
        self.wall = statistics.median(run.wall for run in runs)
        self.cpu = statistics.median(run.cpu for run in runs)
        self.best = min(run.wall for run in runs)

    def row(self, name):
        return f"| {name} | {self.wall:.1f} | {self.best:.1f} | {self.cpu:.1f} |"
