"""`showface evaluate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("evaluate")
@click.argument("weights", required=False, metavar="[WEIGHTS_OR_RUN]")
@click.option("--data", required=True, metavar="FOLDER", help="Aligned, square faces (images/ below it is understood).")
@click.option("--masks", required=True, metavar="FOLDER", help="Masks, white = hole.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the report.")
@click.option("--methods", default="telea,coarse,full", show_default=True, help="What to compare, with commas between.")
@click.option("--limit", default=0, type=click.IntRange(min=0), metavar="N", help="Only the first N faces; 0 = all.")
@click.option("--size", default=256, show_default=True, help="Side in pixels at which everything is measured.")
@click.option("--seed", default=0, show_default=True, help="Of the order in which masks are dealt.")
@click.option(
    "--bucket-by",
    type=click.Choice(["share", "number"]),
    default="share",
    show_default=True,
    help="Sort masks by their hole share at 256 px, or by the file numbers of the NVIDIA test set.",
)
@click.option("--batch", default=8, type=click.IntRange(min=1), show_default=True, help="Pictures at once.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--overwrite", is_flag=True, help="Replace a report that is there.")
def command(
    weights: str | None, data: str, masks: str, out: Path, methods: str, limit: int, size: int, seed: int,
    bucket_by: str, batch: int, device: str, overwrite: bool,
) -> None:  # fmt: skip
    """Measure methods on faces under masks: the paper's L1, PSNR and SSIM by hole share.

    Writes report.json, table.md and pictures.csv (a line per picture) to --out. WEIGHTS_OR_RUN are those that come
    with the package if left out. Of CelebA-HQ and FFHQ, as published, only the test side is measured.
    """
    from showface.cli.measuring import bar, chosen_methods, pictures_of
    from showface.evaluation.protocol import ProtocolConfig, make_protocol
    from showface.evaluation.report import as_json, protocol_facts, refuse_existing, versions, write_files
    from showface.evaluation.runner import evaluate
    from showface.evaluation.tables import as_csv, as_markdown, as_plain, tabulate

    files = ("report.json", "table.md", "pictures.csv")
    if not overwrite:
        refuse_existing(out, files)
    pictures, folder = pictures_of(data)
    config = ProtocolConfig(
        faces=folder, masks=Path(masks), size=size, seed=seed, limit=limit,
        bucket_by="number" if bucket_by == "number" else "share",
    )  # fmt: skip
    protocol = make_protocol(config, pictures)
    runnable, weights_facts = chosen_methods(methods, weights, device)
    with bar("measuring") as progress:
        measurements = evaluate(protocol, runnable, batch=batch, progress=progress)
    table = tabulate(measurements, seed=seed)
    facts = {"protocol": protocol_facts(protocol), "weights": weights_facts, "versions": versions()}
    texts = (as_json({"table": as_plain(table), **facts}), as_markdown(table), as_csv(measurements))
    write_files(out, dict(zip(files, texts, strict=True)))
    click.echo(f"\n{as_markdown(table)}\nprotocol {protocol.digest[:12]}; report in {out}")
