"""The model of the paper's figure, one file per box: tensors in, tensors out.

Shapes, everywhere in this package:
    B images, or pairs of them · n images of a category · C contexts encoded in one pass, one per category ·
    K labelled pairs of a context · R held-out pairs · P tokens before the patches (CLS, registers) · N patches ·
    Q latents per image · S latents of a pair · M prompt tokens · T LLM positions · L ViT layers · H heads ·
    d width of a head · D ViT width · D' length of the readout (2D where CLS and the mean patch are both read) ·
    E LLM width · r directions of a metric
"""
