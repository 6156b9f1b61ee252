"""Training companion of bitbayes: binary layers, dropouts, the oracle, and the export to ONNX."""
__version__ = "0.1.0"
