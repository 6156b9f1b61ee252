"""Write the model card: what the model is, what was chosen, and the figures with and without draws side by side."""
from pathlib import Path
from typing import Dict, List

ROWS = (("accuracy", "accuracy", "{:.2%}"), ("NLL", "nll", "{:.4f}"), ("Brier", "brier", "{:.4f}"),
        ("ECE", "ece", "{:.2%}"), ("mean mutual information", "mean_mutual_information", "{:.5f}"))
SCORES = (("AUROC, entropy", "auroc_entropy", "{:.4f}"), ("AUROC, mutual information", "auroc_mi", "{:.4f}"),
          ("FPR95, entropy", "fpr95_entropy", "{:.2%}"), ("FPR95, mutual information", "fpr95_mi", "{:.2%}"))

LAYERS = {
    "digits-mlp-scale": "64-256-256-256-10. Each hidden layer: binary dense, Scale-Dropout, BatchNorm, sign.",
    "mnist-conv-scale": "Binary 3x3 convolutions with zero padding, 32-64-64-128 channels, a 2x2 max pool behind the "
                        "first and the third. Each: convolution, [max pool], Scale-Dropout, BatchNorm, sign.",
    "mnist-conv-spatial": "Binary 3x3 convolutions with zero padding, 32-64-64-128 channels, a 2x2 max pool behind the "
                          "first and the third. Each: [spatial dropout], convolution, [factor 1/(1-p)], [max pool], "
                          "BatchNorm, sign; the first has no dropout.",
}
HEAD = ("The first layer has binary weights on the scaled pixels; the head is a binary dense layer with BatchNorm and "
        "one fitted inverse temperature, and gives logits.")

SCALE_CHOICES = (
    "on a drop the whole scale vector of a layer is replaced by 1; the scale sits between the sum and the BatchNorm",
    "one draw for every layer, image and pass, in training too (a mask per batch would cancel in the BatchNorm)",
    "the scale starts log-normally spread (sigma 0.7) and is free in sign; a penalty of weight {margin_weight:g} on "
    "the mean square of max(0, {margin:g} - |log|scale||), summed over the sites, keeps it away from 1. Left alone, "
    "training pulls it to 1, and its drop then changes next to nothing",
)
SPATIAL_CHOICES = (
    "whole input feature maps are dropped, with a mask of zeros and ones before the convolution and the factor 1/(1-p) "
    "behind it",
    "one draw for every layer, image and pass, in training too",
)
COMMON_CHOICES = (
    "weights are binarised by a plain sign of clamped proxies, activations by a sign with sign(0) = +1 and a "
    "straight-through gradient; at inference BatchNorm uses its stored statistics",
    "the inverse temperature minimises the NLL on the validation images at T = 20",
)


def cell(form: str, value) -> str:
    return "–" if value is None else form.format(value)


def table(columns: Dict[str, Dict], pick, rows) -> List[str]:
    """One Markdown table: a row per figure, a column per way to predict; `pick` finds the figures in a column."""
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for title, key, form in rows:
        cells = [cell(form, (pick(column) or {}).get(key)) for column in columns.values()]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines + [""]


def training(facts: Dict) -> List[str]:
    recipe, sizes = facts["recipe"], facts["sizes"]
    shift = f"random shifts of up to {recipe['shift']} pixels, " if recipe["shift"] else ""
    return [
        f"Trained from seed {recipe['seed']} on {sizes['train']:,} images for {recipe['epochs']} epochs "
        f"({shift}batch {recipe['batch']}, Adam, one-cycle rate up to {recipe['top_rate']}). Every choice was made "
        f"on {sizes['validation']:,} held-back training images; the {sizes['test']:,} test images decided nothing. "
        f"The log is `{facts['name']}.log`.", ""]


def site_table(facts: Dict) -> List[str]:
    """List the sites with p and the share of bits that a draw changes."""
    mask = any(count > 1 for count in facts["elements"])
    what = "the draw of pass 0" if mask else "a drop"
    lines = [f"| site | elements | p | bits flipped by {what}, alone |", "| ---: | ---: | ---: | ---: |"]
    for number, (count, p, share) in enumerate(zip(facts["elements"], facts["p"], facts["flips"])):
        lines.append(f"| {number} | {count} | {p:.4g} | {share:.2%} |")
    sample = min(500, facts["sizes"]["validation"])
    return lines + ["", f"Bits are those of the sign behind the site, on {sample} validation images.", ""]


def results(facts: Dict) -> List[str]:
    """The figures on validation and test images and on each out-of-distribution set."""
    columns = {**facts["columns"], "exact": facts["columns"].get("exact", {})}
    columns["no draws"] = columns.pop("no draws")  # to the right end
    lines = ["## Validation images", "", *table(columns, lambda c: c.get("validation"), ROWS),
             "## Test images", "", *table(columns, lambda c: c.get("metrics"), ROWS)]
    names = {"noise": "uniform noise", "rotated": "test images turned by 90 degrees",
             "cifar10": "CIFAR-10 (JPEG) test images, grey, 28x28"}
    for name in next(iter(facts["columns"].values()))["ood"]:
        lines += [f"## Out of distribution: {names.get(name, name)}", "",
                  *table(columns, lambda c: c.get("ood", {}).get(name), SCORES)]
        if min(column.get("ood", {}).get(name, {}).get("auroc_entropy", 1) for column in columns.values()) < 0.6:
            lines += ["**Near or below 0.5: the model's uncertainty does not tell this set from test images.**", ""]
    for title, section in facts.get("sections", {}).items():
        lines += [f"## {title}", "", *table(section, lambda c: c.get("metrics"), ROWS)]
    if not columns["exact"]:
        lines += ["`exact` is empty: not enumerable, the masks have too many draws.", ""]
    sources = ", ".join(f"{name}: {column.get('source', 'companion')}" for name, column in facts["columns"].items())
    note = f" The companion measures detection on {facts['unknown_inputs']:,} images a set (of CIFAR-10 every fifth)."
    return lines + [
        f"Test figures by: {sources}.{note if 'companion' in sources else ''} Seed 0; entropies in nats; ECE over 15 "
        "equal-width bins; a higher score means more out-of-distribution.", ""]


def check(facts: Dict) -> List[str]:
    """Explain the check set and how close to it a reader has to come."""
    return [
        "## Check set", "",
        f"`{facts['name']}.check/` holds the first 32 test images (`inputs.npy`), the draws of 8 passes with seed 0 "
        "(`draws.npy`: a byte per bank, 1 = dropped; ceil(C/8) bytes per mask, a set bit = kept) and the logits "
        "(`logits.npy`). **Tolerance: 0.001** on a logit; the float32 logits differ from a float64 run of the same "
        f"draws by at most {facts['check_difference']:.1e}. The inverse temperature is "
        f"{facts['inverse_temperature']:.4f}, the ONNX file has {facts['bytes']:,} bytes.", ""]


def write_card(path: Path, facts: Dict) -> None:
    """Write `NAME.md` from the facts in `NAME.json`."""
    name = facts["name"]
    choices = (SPATIAL_CHOICES if "spatial" in name else SCALE_CHOICES) + COMMON_CHOICES
    choices = [choice.format(**facts["recipe"]) for choice in choices]
    lines = [
        f"# {name}", "", LAYERS[name], HEAD, "", *training(facts), "## Our choices", "",
        "What the papers leave open, or what we could not read in them, is our choice and not theirs:", "",
        *(f"- {choice}" for choice in choices), "", "## Sites", "", *site_table(facts), *results(facts), *check(facts)]
    path.write_text("\n".join(lines))
