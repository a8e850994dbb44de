"""
A gallery over two years
========================

A mistake is taken back, an individual comes again a year later, and a better prompt replaces the first. Run it with
``python examples/gallery_story.py PHOTOS GALLERY``: PHOTOS has a folder per individual, GALLERY is a new folder.
"""

import sys
from pathlib import Path

import vicp

photos, folder = Path(sys.argv[1]), Path(sys.argv[2])

# %%
# Ten individuals are known. Half of their photos are of the first year, half of the second.

model = vicp.load("mini")
table = vicp.open_photos(photos, category="thing")
names = sorted(set(table.frame["identity"]))
known = table.select(table.frame["identity"].isin(names[:-2]).to_numpy())
first_year, second_year = known.select(range(0, len(known), 2)), known.select(range(1, len(known), 2))

prompt = model.teach(first_year, category="thing", pairs=16, adapt="metric")
herd = vicp.Gallery.create(folder, model, prompts=[prompt], author="keeper", reason="the first year")
print(f"first year: {herd.enroll(first_year).added} photos, once more: {herd.enroll(first_year).added}")

# %%
# A year later: who is this?

answers = herd.identify(second_year).identifications
right = [a.candidates[0].identity == name for a, name in zip(answers, second_year.frame["identity"], strict=True)]
print(f"second year: {sum(right)} of {len(right)} photos find their individual first")

# %%
# Every change can be undone.

herd.merge(names[0], [names[1]], reason="they look alike")
print(f"merged by mistake: {len(herd.identities())} individuals")
herd.undo(reason="they were two after all")
print(f"after the undo: {len(herd.identities())}")

# %%
# Somebody new comes in, and a prompt from more pairs replaces the first: every photo is embedded again.

unknown = table.select((table.frame["identity"] == names[-1]).to_numpy())
added = herd.new(unknown, name=names[-1], force=True, reason="seen by the river")
print(f"new: {added.identity} with {added.added} photos")
herd.enroll(second_year, reason="the second year")
herd.reindex([model.teach(known, category="thing", pairs=24, adapt="metric")], reason="more pairs")
stats = herd.stats().categories[0]
print(f"in the end: {stats.photos} photos of {stats.identities} individuals, {stats.embedded} embedded")
for entry in herd.log():
    print(f"{entry.operation}. {entry.author} {entry.command}: {entry.summary}")
