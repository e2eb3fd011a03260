"""What is looked at before step 1, so that a run does not fail for it hours later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from showface.data.faces import Face, FaceSource, list_faces
from showface.data.fingerprints import FILE as SEEN
from showface.data.fingerprints import as_lines, hash_pictures, pictures_seen, read_lines
from showface.errors import DataError
from showface.training.configuration import StageConfig
from showface.weights import holds_weights, write_whole

NAMED = 3  # pictures in the line that refuses an overlap


def list_sets(stages: Sequence[StageConfig]) -> dict[FaceSource, list[Face]]:
    """The faces of every source of `stages`; a stage with fewer of them than one batch is a `DataError`."""
    listed: dict[FaceSource, list[Face]] = {}
    for config in stages:
        for source in config.data.faces:
            if source not in listed:
                listed[source] = list_faces(source)
        count = sum(len(listed[source]) * source.repeat for source in config.data.faces)
        if not count:
            raise DataError("no faces to train on: give --data FOLDER")
        if count < config.batch:
            raise DataError(
                f"stage {config.name}: {count} pictures are fewer than a batch of {config.batch}; give more, repeat "
                f"them (a JSON list of sources has a field repeat), or use --set {config.name}.batch={count}"
            )
    return listed


def record_pictures(
    faces: Sequence[Face], out: Path, earlier: Path | None = None, held_out: Sequence[Path] = ()
) -> None:
    """Adds the sha256 of every picture that is learnt from, and of those of `earlier`, to a list in `out`.

    An evaluation finds it there and refuses to measure on them. A picture that is listed already is not read again.
    One that is also in `held_out` (folders of pictures, run folders, lists of hashes) is a `DataError`.
    """
    known = seen_before(earlier) | (read_lines(out / SEEN) if (out / SEEN).is_file() else {})
    hashes = known | hash_pictures([face.picture for face in faces], known)
    for place in held_out:
        refuse_overlap(hashes, place)
    out.mkdir(parents=True, exist_ok=True)
    listed = as_lines(hashes).encode()
    if not (out / SEEN).is_file() or (out / SEEN).read_bytes() != listed:
        write_whole(out / SEEN, listed)


def seen_before(earlier: Path | None) -> dict[str, str]:
    """The list of the run `earlier`, or of the run that the weights `earlier` lie in; empty without one."""
    if earlier is None:
        return {}
    places = (earlier, earlier.parent) if holds_weights(earlier) else (earlier,)
    return next((read_lines(place / SEEN) for place in places if (place / SEEN).is_file()), {})


def refuse_overlap(hashes: Mapping[str, str], place: Path) -> None:
    """A `DataError` if a file with one of `hashes` (path -> sha256) is also held out in `place`."""
    kept = set(pictures_seen(place).values())
    both = [path for path, digest in hashes.items() if digest in kept]
    if both:
        more = f" and {len(both) - NAMED} more" if len(both) > NAMED else ""
        raise DataError(
            f"{len(both)} pictures to train on are also in {place}, which is held out: "
            f"{', '.join(both[:NAMED])}{more}; take them out of one of the two"
        )
