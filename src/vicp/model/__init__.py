"""The model of the paper's figure, one file per box: tensors in, tensors out.

Shapes, everywhere in this package:
    B images · K pairs · N patches · Q latents per image · S latents of a pair · M prompt tokens · T LLM positions ·
    L ViT layers · D ViT width · E LLM width · C contexts read in one pass (one per category) · H heads
"""
