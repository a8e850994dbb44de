"""
Inside scikit-learn
===================

Prompted embeddings in a pipeline and in cross-validation, and a classifier that can say "new". Run it with
``python examples/scikit_learn.py PHOTOS``: PHOTOS has a folder per individual.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from vicp import IndividualClassifier, PromptedEmbedder

photos = sorted(Path(sys.argv[1]).rglob("*.png"))
names = [photo.parent.name for photo in photos]

# %%
# ``PromptedEmbedder`` teaches a prompt when it is fitted, in each fold of the cross-validation anew.

pipeline = make_pipeline(PromptedEmbedder(), KNeighborsClassifier(1, metric="cosine"))
accuracy = cross_val_score(pipeline, photos, names, cv=2)
print(f"nearest neighbour on prompted embeddings: {accuracy.mean():.0%} right, chance {1 / len(set(names)):.0%}")

# %%
# ``IndividualClassifier`` names known individuals. Two are left out of what it learns.

known = sorted(set(names))[:-2]
rows = [i for i, name in enumerate(names) if name in known]
train, test = rows[::2], rows[1::2]
classifier = IndividualClassifier(always_name=True)
classifier.fit([photos[i] for i in train], [names[i] for i in train])
predicted = classifier.predict([photos[i] for i in test])
print(f"classifier: {np.mean(predicted == np.array([names[i] for i in test])):.0%} right")

# %%
# The last column of ``predict_proba`` is the probability of somebody new. It is higher for those two.

for title, chosen in (("known", test), ("unknown", [i for i, name in enumerate(names) if name not in known])):
    probability = classifier.predict_proba([photos[i] for i in chosen])[:, -1].mean()
    print(f"mean P(new) of {title} individuals: {probability:.2f}")
