"""Write the networks for speed as ONNX files: export_speed.py vgg-small OUT.onnx [--check DIRECTORY]"""
import argparse
from pathlib import Path

from bitbayes_training import speed

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=sorted(speed.NETWORKS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", type=Path, help="a folder for draws and logits, as `bitbayes verify` reads them")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    speed.write(options.network, options.file, options.check, options.seed)
