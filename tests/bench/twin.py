"""A build.ninja with as many edges as a deployctl project has stages, over the same source files."""

import subprocess

STAGES = ["model", "interface", "expect", "audit", "sizes", "memory", "emit", "compile", "measure", "gate", "report",
          "runbook"]


def write(folder, manifests, models, results):
    """Twelve edges a manifest, a chain. The last edge's outputs are as many files as `results` says a deployment has in
    `out/` (1 for a twin that looks at nothing but one output an edge). Gives the number of edges."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["rule touch", "  command = touch $out", ""]
    for manifest in manifests:
        before = f"{manifest} {' '.join(map(str, models))}"
        for stage in STAGES:
            output = f"{manifest.stem}/{stage}"
            more = [f"{manifest.stem}/result-{at}" for at in range(1, results)] if stage == STAGES[-1] else []
            lines.append(f"build {' '.join([output, *more])}: touch {before}")
            before = f"{output} {manifest}"
    text = "\n".join(lines) + "\n"
    file = folder / "build.ninja"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    subprocess.run(["ninja", "--quiet"], cwd=folder, check=True)
    return len(manifests) * len(STAGES)
