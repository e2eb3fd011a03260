"""`showface evaluate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("evaluate")
@click.argument("weights", required=False, metavar="[WEIGHTS_OR_RUN]")
@click.option("--data", required=True, metavar="FOLDER", help="Aligned, square faces (images/ below it is understood).")
@click.option("--masks", metavar="FOLDER", help="Masks, white = hole, sorted into the paper's buckets.")
@click.option(
    "--rows", default="", metavar="NAMES",
    help="Further rows: hand, glasses and so on (drawn), eyes, nose and so on (components), or all.",
)  # fmt: skip
@click.option(
    "--occlusions", is_flag=False, flag_value="all", metavar="[KINDS]",
    help="Hide whole parts instead and measure how real they look: one_eye, mouth and so on; without KINDS all eight.",
)  # fmt: skip
@click.option(
    "--sheet", type=click.Path(path_type=Path), metavar="FILE",
    help="With --occlusions: draw 24 of the faces, one page a kind, FILE-one_eye.jpg and so on.",
)  # fmt: skip
@click.option(
    "--references", type=click.Path(path_type=Path, exists=True), metavar="FOLDER|FILE.csv",
    help="With --occlusions: further pictures of the people, named like their faces, or a table: face,reference.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Folder for measurements and report.")
@click.option("--methods", default="telea,coarse,full", show_default=True, help="What to compare, with commas between.")
@click.option("--metrics", default="l1,psnr,ssim", show_default=True, help="What to measure, with commas; or all.")
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
@click.option(
    "--protocol", "frozen", type=click.Path(path_type=Path, exists=True), metavar="FILE",
    help="The protocol.json of an earlier report: measure on those very pairs, or say what differs.",
)  # fmt: skip
@click.option(
    "--trained-on",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="PLACE",
    help="A run, a pictures.sha256 or a folder of pictures none of which may be measured; may be repeated.",
)
@click.option(
    "--inputs", type=click.Path(path_type=Path), metavar="FOLDER",
    help="Measure nothing; write the masked pictures and masks there, for a method that runs elsewhere.",
)  # fmt: skip
@click.option("--pictures", is_flag=True, help="Keep every completed picture in OUT/pictures/METHOD/BUCKET.")
@click.option("--against", default="", metavar="METHOD", help="Tell how others differ from it, picture by picture.")
@click.option("--gallery", is_flag=True, help="Show the best, median and worst pictures of each bucket on the page.")
@click.option("--groups", is_flag=True, help="Tabulate by skin tone, glasses, hat, hair and turn of the head, too.")
@click.option("--batch", default=8, type=click.IntRange(min=1), show_default=True, help="Pictures at once.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--overwrite", is_flag=True, help="Forget the measurements and the report that are there.")
def command(
    weights: str | None, data: str, masks: str | None, rows: str, occlusions: str | None, sheet: Path | None,
    references: Path | None, out: Path | None, methods: str, metrics: str, limit: int, size: int, seed: int,
    bucket_by: str, frozen: Path | None, trained_on: tuple[Path, ...], inputs: Path | None, pictures: bool,
    against: str, gallery: bool, groups: bool, batch: int, device: str, overwrite: bool,
) -> None:  # fmt: skip
    """Measure methods on faces under masks, as the paper's Table 1 does: methods by metrics by hole share.

    Writes report.html, report.json, table.md, table.csv, pictures.csv (a line per picture) and protocol.json (every
    pair, every file's hash) to --out. The same command goes on where it was stopped. WEIGHTS_OR_RUN are those that
    come with the package if left out. Of CelebA-HQ and FFHQ, as published, only the test side is measured.

    \b
    Methods:
      full, coarse                our networks, of WEIGHTS_OR_RUN
      mirrored                    full, and what the other side of the face shows; at 256 px
      mean-of-slots, no-personal, no-memory, no-mining, no-sources
                                  full without one of its boxes
      referenced, stranger        full with --references of the person, or of the next one
      NAME=RUN or NAME=RUN@coarse those of other runs or weights; a trained baseline
      telea, navier_stokes, harmonic, biharmonic; migan (an asset, slow)
      NAME=FILE.onnx              picture and mask in, picture out
      NAME=FOLDER                 results of any method, FOLDER/1-20/STEM.png and so on
    Metrics:
      l1, psnr, ssim              need nothing
      lpips, lpips_vgg, fid, kid  fetch their networks once
      identity                    likeness of the person; extra 'identity'

    With --occlusions eyes, mouths, halves and more are hidden whole, and what is measured is how real the completion
    looks: docs/occlusions.md. Writes occlusions.json, occlusions.md, pictures.csv and protocol.json; extra 'evaluate'.
    """
    from showface.cli.occlusions import Asked, measure_occlusions, refuse_other_options

    if occlusions is not None:
        refuse_other_options(click.get_current_context())
        measure_occlusions(
            Asked(
                weights=weights, data=data, kinds=occlusions, out=out, methods=methods, limit=limit, size=size,
                seed=seed, frozen=frozen, trained_on=trained_on, inputs=inputs, pictures=pictures, sheet=sheet,
                against=against, references=references, batch=batch, device=device, overwrite=overwrite,
            )
        )  # fmt: skip
        return
    if sheet is not None:
        raise click.UsageError("--sheet draws what --occlusions hides: give --occlusions, too")
    if references is not None:
        raise click.UsageError("--references are looked at where --occlusions hides: give --occlusions, too")
    from showface.cli.measuring import bar, chosen_protocol, chosen_traits, refuse_unknown_opponent, told
    from showface.evaluation.comparison import ComparisonConfig, compare, gallery_of, write_report
    from showface.evaluation.groups.table import write_groups
    from showface.evaluation.measuring.measures import chosen_measures
    from showface.evaluation.measuring.result_folder import write_inputs
    from showface.evaluation.methods.named import contenders, refuse_unknown_methods
    from showface.pipeline import named_device

    if (out is None) == (inputs is None):
        raise click.UsageError("give either --out FOLDER for a report or --inputs FOLDER")
    if masks is None and not rows:
        raise click.UsageError("give --masks FOLDER, --rows NAMES or both; or --occlusions for hidden parts")
    measures, where = chosen_measures(metrics), str(named_device(device))
    refuse_unknown_opponent(against, [name for name, _ in refuse_unknown_methods(methods)])
    protocol = chosen_protocol(
        data, masks, size=size, seed=seed, limit=limit, bucket_by=bucket_by, rows=rows, frozen=frozen,
        device=device,
    )  # fmt: skip
    if inputs is not None:
        click.echo(f"{write_inputs(inputs, protocol)} pairs of protocol {protocol.digest[:12]} in {inputs}")
        return
    assert out is not None
    config = ComparisonConfig(
        out=out, batch=batch, device=where, trained_on=trained_on, pictures=pictures, overwrite=overwrite
    )
    chosen = contenders(methods, source=weights, device=device, protocol=protocol)
    with bar("measuring") as progress:
        comparison = compare(protocol, chosen, measures, config, progress=progress)
    shown = gallery_of(comparison, protocol, chosen) if gallery else ()
    write_report(comparison, protocol, out, gallery=shown, against=against)
    if groups:
        traits = chosen_traits(data, protocol, device=device)
        click.echo(f"\n{write_groups(out, comparison.measurements, traits, seed=seed)}")
    click.echo(f"\n{told(comparison, against)}\nprotocol {protocol.digest[:12]}; report in {out}")
