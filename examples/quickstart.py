"""
Teach, verify, identify
=======================

Teach a kind of thing from labelled pairs, ask about photos, and keep the answers in a gallery. Run it with
``python examples/quickstart.py PHOTOS GALLERY``: PHOTOS has a folder per individual, GALLERY is a new folder.
"""

import sys
from pathlib import Path

import vicp

photos, gallery = Path(sys.argv[1]), Path(sys.argv[2])

# %%
# Teaching draws labelled pairs ("same", "different") from the folder names. It takes less than a minute and
# changes no weight.

model = vicp.load("mini")
prompt = model.teach(photos, category="thing", pairs=32)
print(f"taught from {prompt.num_pairs} pairs: {prompt.recipe}")

# %%
# Under the prompt a photo becomes a vector, and two photos become a probability.

first, second, *_, last = sorted(photos.rglob("*.png"))
print(f"shape of three embeddings: {model.encode([first, second, last], prompt=prompt).shape}")
for other in (second, last):
    answer = model.verify(first, other, prompt=prompt)
    print(f"{first.parent.name} and {other.parent.name}: {answer.sentence} (similarity {answer.similarity:.2f})")

# %%
# A gallery keeps photos, names and embeddings on disk, and says whom a photo shows.

herd = vicp.Gallery.create(gallery, model, prompts=[prompt])
print(f"enrolled {herd.enroll(photos, category='thing').added} photos")
found = herd.identify(last).identifications[0]
print(f"{last.parent.name}/{last.name}: {found.sentence}")
for candidate in found.candidates[:3]:
    print(f"  {candidate.identity}  similarity {candidate.similarity:.2f}")
