"""`showface evaluate-parser`: parse, call, print."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click


@click.command("evaluate-parser")
@click.argument("weights", required=False, metavar="[WEIGHTS_OR_RUN]")
@click.option("--data", required=True, metavar="FOLDER", help="Faces and labels (images/ and labels/ below it).")
@click.option("--masks", required=True, metavar="FOLDER", help="Masks, white = hole, for the coarse faces.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the report.")
@click.option("--bisenet/--no-bisenet", default=True, show_default=True, help="Measure the published BiSeNet too.")
@click.option("--limit", default=0, type=click.IntRange(min=0), metavar="N", help="Only the first N faces; 0 = all.")
@click.option("--seed", default=0, show_default=True, help="Of the order in which masks are dealt.")
@click.option("--batch", default=8, type=click.IntRange(min=1), show_default=True, help="Pictures at once.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--overwrite", is_flag=True, help="Replace a report that is there.")
def command(
    weights: str | None, data: str, masks: str, out: Path, bisenet: bool, limit: int, seed: int, batch: int,
    device: str, overwrite: bool,
) -> None:  # fmt: skip
    """Measure the face parser against labels, by mean IoU of the 14 categories, on true and on coarse faces.

    Writes parser.json and parser.md to --out. WEIGHTS_OR_RUN are those that come with the package if left out. Of
    CelebAMask-HQ, as published, only the test side is measured.
    """
    from showface.cli.measuring import bar, inpainter_of, labelled_faces, parsers_of
    from showface.evaluation.categories.scores import as_markdown, score_parsers
    from showface.evaluation.methods.networks import network_methods
    from showface.evaluation.protocol.pairs import ProtocolConfig, make_protocol
    from showface.evaluation.report.files import as_json, protocol_facts, refuse_existing, versions, write_files

    if not overwrite:
        refuse_existing(out, ("parser.json", "parser.md"))
    faces, folder = labelled_faces(data)
    config = ProtocolConfig(faces=folder, masks=Path(masks), seed=seed, limit=limit)
    protocol = make_protocol(config, [face.picture for face in faces])
    inpainter, weights_facts = inpainter_of(weights, device)
    coarse = network_methods(inpainter)["coarse"]
    parsers = parsers_of(inpainter, bisenet=bisenet)
    first = next(iter(protocol.pairs.values()))
    scores = []
    for kind, pairs, method in [("true", first, None)] + [
        (f"coarse, {bucket} % hidden", pairs, coarse) for bucket, pairs in protocol.pairs.items()
    ]:
        with bar(kind) as progress:
            scores += score_parsers(
                parsers, faces, pairs, kind=kind, size=protocol.config.size, coarse=method,
                batch=batch, progress=progress,
            )  # fmt: skip
    facts = {"protocol": protocol_facts(protocol), "weights": weights_facts, "versions": versions()}
    content = as_json({"scores": [asdict(score) for score in scores], **facts})
    write_files(out, {"parser.json": content, "parser.md": as_markdown(scores)})
    click.echo(f"\n{as_markdown(scores)}\nprotocol {protocol.digest[:12]}; report in {out}")
