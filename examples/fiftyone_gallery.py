"""
A gallery in FiftyOne
=====================

Photos, names and embeddings of a gallery as a FiftyOne dataset, sorted there by VICP's similarity. It needs
``pip install fiftyone``. Run it with ``python examples/fiftyone_gallery.py GALLERY PLACE``: PLACE is a new folder for
the photos. With ``--no-app`` it makes the dataset and opens no window.
"""

import sys
from pathlib import Path

import fiftyone
import fiftyone.brain
import pandas as pd

import vicp

place = Path(sys.argv[2])
gallery = vicp.Gallery.open(sys.argv[1])

# %%
# The photo files stand beside a table of what is known of each. Their embeddings stand in a Parquet table, by content
# key, which is also the name of a photo's file.

gallery.export(place / "photos", layout="hugging-face")
gallery.export(place / "gallery.parquet")
photos = pd.read_csv(place / "photos" / "metadata.csv", keep_default_na=False)
embeddings = pd.read_parquet(place / "gallery.parquet").set_index("photo")["embedding"]

# %%
# A name is a classification; nobody's photos have none. FiftyOne centres the embeddings, which changes their cosines;
# Euclidean distances stay the same, and sort embeddings of length one as VICP's cosine does.

samples = []
for photo in photos.itertuples():
    file = place / "photos" / photo.file_name
    sample = fiftyone.Sample(filepath=str(file.resolve()), tags=[photo.category])
    sample["vicp_embedding"] = embeddings[file.stem].tolist()
    if photo.identity:
        sample["identity"] = fiftyone.Classification(label=photo.identity)
    samples.append(sample)
dataset = fiftyone.Dataset("vicp", overwrite=True)
dataset.add_samples(samples)
fiftyone.brain.compute_similarity(dataset, embeddings="vicp_embedding", brain_key="vicp", metric="euclidean")
print(f"{len(dataset)} photos of {len(dataset.distinct('identity.label'))} individuals, sortable by similarity: vicp")

# %%
# Select a photo in the window and sort by similarity.

if "--no-app" not in sys.argv:
    fiftyone.launch_app(dataset).wait()
