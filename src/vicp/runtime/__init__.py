"""Photos to embeddings with any engine: PyTorch, or ONNX Runtime, which needs no PyTorch."""
