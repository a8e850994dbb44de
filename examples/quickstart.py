"""Teach, verify, identify, and a gallery that lasts, in a dozen lines.

python examples/quickstart.py PHOTOS GALLERY      (PHOTOS: a folder per individual; GALLERY: a new folder)
"""

import sys
from pathlib import Path

import vicp


def main(photos: Path, gallery: Path) -> None:
    """Teach a prompt from PHOTOS, and answer questions with it."""
    model = vicp.load("mini")
    prompt = model.teach(photos, category="thing", pairs=32)
    print(f"taught from {prompt.num_pairs} pairs: {prompt.recipe}")

    first, second, *_, last = sorted(photos.rglob("*.png"))
    print(f"shape of three embeddings: {model.encode([first, second, last], prompt=prompt).shape}")
    for other in (second, last):
        answer = model.verify(first, other, prompt=prompt)
        print(f"{first.parent.name} and {other.parent.name}: {answer.sentence} (similarity {answer.similarity:.2f})")

    herd = vicp.Gallery.create(gallery, model, prompts=[prompt])
    print(f"enrolled {herd.enroll(photos, category='thing').added} photos")
    found = herd.identify(last).identifications[0]
    print(f"{last.parent.name}/{last.name}: {found.sentence}")
    for candidate in found.candidates[:3]:
        print(f"  {candidate.identity}  similarity {candidate.similarity:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
