"""Studies of VICP, a folder each: `python -m benchmarks.FOLDER.run` measures and writes a page under results/."""
