"""Prompted embeddings inside scikit-learn: a pipeline, cross-validation, and a classifier that can say "new".

python examples/scikit_learn.py PHOTOS      (a folder per individual)
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from vicp import IndividualClassifier, PromptedEmbedder


def main(folder: Path) -> None:
    """Compare a pipeline on prompted embeddings with chance, and ask a classifier about known and unknown ones."""
    photos = sorted(folder.rglob("*.png"))
    names = [photo.parent.name for photo in photos]
    pipeline = make_pipeline(PromptedEmbedder(), KNeighborsClassifier(1, metric="cosine"))
    accuracy = cross_val_score(pipeline, photos, names, cv=2)
    print(f"nearest neighbour on prompted embeddings: {accuracy.mean():.0%} right, chance {1 / len(set(names)):.0%}")

    known = sorted(set(names))[:-2]
    rows = [i for i, name in enumerate(names) if name in known]
    train, test = rows[::2], rows[1::2]
    classifier = IndividualClassifier(always_name=True)
    classifier.fit([photos[i] for i in train], [names[i] for i in train])
    predicted = classifier.predict([photos[i] for i in test])
    print(f"classifier: {np.mean(predicted == np.array([names[i] for i in test])):.0%} right")
    for title, chosen in (("known", test), ("unknown", [i for i, name in enumerate(names) if name not in known])):
        probability = classifier.predict_proba([photos[i] for i in chosen])[:, -1].mean()
        print(f"mean P(new) of {title} individuals: {probability:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
