"""Other engines beside ours, in turns: ours, theirs, theirs, ours, ... One table, as Markdown and JSON.

Every peer's result is checked first; a wrong one is called wrong and not timed.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np  # noqa: E402 (the threads have to be known first)

import ours  # noqa: E402
from shapes import layers, oracle, signs  # noqa: E402

HERE = Path(__file__).resolve().parent
REST = 0.3  # seconds after a peer ran: its threads wait actively for a while
PASSES = 20


def say(text: str) -> None:
    """Show progress."""
    print(text, file=sys.stderr, flush=True)


def now() -> str:
    """Return the date and time."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Table:
    """Rows with one ratio per round; above 1 ours is faster."""

    def __init__(self):
        self.rows = []
        self.date = now()

    def add(self, name, peer, version, unit, problem):
        """Begin a row, which is already `wrong` if there is a problem."""
        row = {"name": name, "peer": peer, "version": version, "unit": unit, "date": self.date,
               "status": "wrong" if problem else "ok", "reason": problem or None, "ours": [], "theirs": []}
        self.rows.append(row)
        return row

    def finish(self):
        """Turn samples into medians and their spread over the rounds."""
        for row in self.rows:
            pairs = list(zip(row["ours"], row["theirs"]))
            if not pairs:
                continue
            ratios = [b / a if row["unit"] == "s" else a / b for a, b in pairs]
            row.update(rounds=len(pairs), ours_median=statistics.median(row["ours"]),
                       peer_median=statistics.median(row["theirs"]), ratio=statistics.median(ratios),
                       ratio_low=min(ratios), ratio_high=max(ratios))
        return self.rows


def compare_layers(table: Table, options) -> None:
    """Binary convolutions against OpenVINO's, and against float products of the same shape."""
    import gemm  # peers are imported where they are used: each brings its own threads
    import openvino
    import openvino_layers

    core, subjects = openvino.Core(), []
    for layer in layers():
        name = f"{layer.name}/b{options.batch}"
        say(f"checking {name}")
        for peer, version, subject in (
                ("OpenVINO BinaryConvolution", openvino_layers.VERSION, openvino_layers.Subject(layer, options.batch, core)),
                ("OpenBLAS float32 GEMM", gemm.version(), gemm.Subject(layer, options.batch))):
            row = table.add(name, peer, version, "s", subject.problem())
            if row["status"] == "ok":
                subjects.append((row, subject))

    def theirs():
        for row, subject in subjects:
            row["theirs"].append(statistics.median(subject.seconds(options.time)))
        time.sleep(REST)

    def us():
        found = ours.bench("kernels", "peers", "-b", str(options.batch), "--time", str(options.time))
        for row, _ in subjects:
            row["ours"].append(found[row["name"]]["median"])

    take_turns("layers", us, theirs, options.rounds)


def compare_networks(table: Table, options) -> None:
    """Whole networks: images per second with all passes of an image."""
    import float_networks

    networks = float_networks.Networks("vgg-small", options.out / "vgg-small.onnx")
    wrong = ours.verify(networks.path)
    if wrong:
        raise ours.Failed(f"{networks.path}: {wrong}")
    say("ours gives the companion's logits")
    name, peers = f"vgg-small/T{PASSES}", []
    for kind in (float_networks.Onnxruntime, float_networks.Pytorch):
        peer = kind(networks)
        row = table.add(name, f"{kind.name} float32", kind.version, "images/s", peer.problem())
        if row["status"] == "ok":
            row["images_per_call"] = float_networks.best_batch(peer, PASSES)
            say(f"{kind.name}: {row['images_per_call']} images x {PASSES} passes in one batch suit it best")
            peers.append((row, peer))

    def theirs():
        for row, peer in peers:
            row["theirs"].append(float_networks.images_per_second(peer, row["images_per_call"]))
            time.sleep(REST)

    def us():
        found = ours.bench("model", "vgg-small", "-b", "64", "-T", str(PASSES), "--time", "0.6")
        for row, _ in peers:
            row["ours"].append(found[f"model/vgg-small/b64/T{PASSES}"]["inputs_per_s"])

    take_turns("networks", us, theirs, options.rounds)


def take_turns(what: str, us, theirs, rounds: int) -> None:
    """Ours first in even rounds, theirs first in odd ones."""
    for number in range(rounds):
        say(f"{what}: round {number + 1} of {rounds}")
        for side in (us, theirs) if number % 2 == 0 else (theirs, us):
            side()


def ask_larq(table: Table, options) -> None:
    """The oracle itself against Larq Compute Engine, where it is installed."""
    python = options.larq
    asked = [layer for layer in layers() if layer.step == 1]  # TensorFlow pads strides on one side only
    peer, problem = "Larq Compute Engine (oracle)", ""
    if not Path(python).exists():
        row = table.add("all layers", peer, None, "s", None)
        row.update(status="skipped", reason="not installed: needs Python 3.10 or 3.11 for its TensorFlow")
        return
    say("asking Larq Compute Engine")
    given, sides = {}, []
    for i, layer in enumerate(asked):
        rng = np.random.default_rng(list(layer))
        x = signs(rng, (2, layer.inputs, layer.height, layer.width))
        weights = signs(rng, (layer.outputs, layer.inputs, layer.kernel, layer.kernel))
        given.update({f"x{i}": x, f"weights{i}": weights})
        sides.append(oracle(layer, x, weights))
    question, answer = options.out / "larq-in.npz", options.out / "larq-out.npz"
    np.savez(question, **given)
    done = subprocess.run([python, HERE / "larq_layers.py", question, answer], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        with np.load(answer) as found:
            differ = [layer.name for i, layer in enumerate(asked) if not np.array_equal(found[f"sums{i}"], sides[i])]
        problem = f"differs from the oracle: {', '.join(differ)}" if differ else ""
    row = table.add(f"{len(asked)} layers", peer, "0.16.0", "s", problem)
    if done.returncode != 0:
        row.update(status="skipped", reason=f"does not run here: {done.stderr.strip().splitlines()[-1]}")


def markdown(document) -> str:
    """The table for people."""
    lines = ["| what | peer | result | ours | theirs | ours faster by | lowest .. highest |",
             "| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    show = lambda value, unit: f"{1e6 * value:.0f} us" if unit == "s" else f"{value:.3g} {unit}"
    for row in document["rows"]:
        cells = [row["name"], f"{row['peer']} {row['version'] or ''}".strip(), row["status"], "-", "-", "-", "-"]
        if "ratio" in row:
            cells[3:] = [show(row["ours_median"], row["unit"]), show(row["peer_median"], row["unit"]),
                         f"{row['ratio']:.2f}x", f"{row['ratio_low']:.2f} .. {row['ratio_high']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"{row['name']}, {row['peer']}: {row['status']}: {row['reason']}"
                    for row in document["rows"] if row["reason"])]
    for peer, summary in document["summary"].items():
        lines.append(f"{peer}: geometric mean {summary['geometric_mean']:.2f}x, least {summary['least']:.2f}x "
                     f"({summary['least_name']}), {summary['n']} rows")
    context = document["context"]
    lines.append("")
    lines.append(f"{context['date']}, {context['processor']}, 2 threads each, {context['rounds']} rounds in turns; "
                 f"`{context['command']}`")
    return "\n".join(lines) + "\n"


def summarize(rows):
    """Geometric mean and least ratio per peer."""
    out = {}
    for peer in dict.fromkeys(row["peer"] for row in rows if "ratio" in row):
        mine = [row for row in rows if row["peer"] == peer and "ratio" in row]
        least = min(mine, key=lambda row: row["ratio"])
        out[peer] = {"geometric_mean": statistics.geometric_mean([row["ratio"] for row in mine]), "n": len(mine),
                     "least": least["ratio"], "least_name": least["name"]}
    return out


def processor() -> str:
    """Name the processor."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "unknown processor"


PARTS = {"oracle": ask_larq, "layers": compare_layers, "networks": compare_networks}


def main() -> int:
    """Run the parts; a part that was not asked for keeps the rows of an earlier run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--out", type=Path, default=ours.ROOT / "build" / "bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=16, help="of the layers")
    parser.add_argument("--time", type=float, default=0.1, help="seconds per layer, side and round")
    parser.add_argument("--larq", default=ours.ROOT / "build" / "peers-larq" / "bin" / "python",
                        help="the Python that has Larq Compute Engine")
    options = parser.parse_args()
    if set(options.parts) - set(PARTS):
        parser.error(f"expected parts of {', '.join(PARTS)}, found {' '.join(options.parts)}")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "peers.json"
    before = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    rows, failed = [], []
    for part, function in PARTS.items():
        if options.parts and part not in options.parts:
            rows += [row for row in before if row["part"] == part]
            continue
        table = Table()
        try:
            function(table, options)
        except (ours.Failed, ImportError) as problem:
            failed.append(f"{part}: {problem}")
            say(f"{part}: not measured: {problem}")
        rows += [dict(row, part=part) for row in table.finish()]
    document = {"schema_version": 1,
                "context": {"date": now(), "processor": processor(),
                            "rounds": options.rounds, "command": " ".join(["./run bench-peers", *sys.argv[1:]]),
                            "failed": failed, "ours": getattr(ours.bench, "context", None)},
                "summary": summarize(rows), "rows": rows}
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (options.out / "peers.md").write_text(markdown(document), encoding="utf-8")
    print(markdown(document), end="")
    return 1 if failed or any(row["status"] == "wrong" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
