"""The README of an exported model: how to embed photos with NumPy and ONNX Runtime alone."""

from vicp.runtime.exported import ExportedModel

_PAGE = """# An exported VICP model

`backbone.onnx` takes photos (B, 3, {size}, {size}), uint8, and a prompt's keys and values, float32 (L, H, M, d) =
{shape}; M may be 0. It gives L2-normalised embeddings and patch tokens, and scales and normalises pixels itself. Photos
are {fit}. `prompts/` has a file per category with its keys, values, metric and decisions: P(same) of a pair by its
similarity, where both answers are as likely beforehand. The metadata of the file say above which similarity "same"
(`same_above`) and below which "different" (`different_below`) keep the error rates that `vicp verify` promises.
`export.json` has the fingerprint of the model, {fingerprint}, and the precision of its weights, {precision}.

Python needs `numpy`, `onnxruntime`, `pillow` and `safetensors`:

```python
import numpy as np
import onnxruntime
from PIL import Image
from safetensors.numpy import load_file

session, prompt = onnxruntime.InferenceSession("backbone.onnx"), {prompt}
photos = [Image.open(file).convert("RGB").resize(({size}, {size}), Image.Resampling.BICUBIC) for file in FILES]
pixels = np.stack([np.asarray(photo).transpose(2, 0, 1) for photo in photos])
inputs = {{"pixels": pixels, "prompt_keys": prompt["prompt_keys"], "prompt_values": prompt["prompt_values"]}}
rows = session.run(["photo_embedding"], inputs)[0]
for name in ("metric", "emitted_metric", "whitening"):
    if f"{{name}}.weight" in prompt:
        rows = (rows - prompt[f"{{name}}.mean"]) @ prompt[f"{{name}}.weight"]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
similarity = rows @ rows.T
{decision}```

`vicp` itself opens this folder as a model: `vicp verify a.jpg b.jpg --model FOLDER --prompt cat.prompt.safetensors`.
"""
_DECISION = """probability = np.interp(similarity, prompt["decisions.similarity"], prompt["decisions.probability"])
"""
_FITS = {
    "squash": "squeezed into a square",
    "crop": "cut to their middle square first",
    "pad": "padded to a square with the mean colour first",
}


def write_readme(exported: ExportedModel, prompts: list[str]) -> str:
    """Return the page for a model with prompts of these file names; without one its lines use no prompt."""
    layers, heads, width = exported.prompt_shape
    nothing = f"np.zeros(({layers}, {heads}, 0, {width}), np.float32)"
    plain = f'dict.fromkeys(("prompt_keys", "prompt_values"), {nothing})'
    return _PAGE.format(
        size=exported.facts.transform.size,
        shape=f"({layers}, {heads}, M, {width})",
        fit=_FITS[exported.facts.transform.fit],
        fingerprint=exported.facts.fingerprint,
        precision=exported.facts.precision,
        decision=_DECISION if prompts else "",
        prompt=f'load_file("prompts/{prompts[0]}")' if prompts else plain,
    )
