"""Makes the modules of this folder (`misbehaving`, …) importable from every test."""
