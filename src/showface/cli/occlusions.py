"""`showface evaluate --occlusions`: parse, call, print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

# Options of `showface evaluate` that belong to the table of strokes, by parameter.
OF_STROKES = {
    "masks": "--masks", "rows": "--rows", "metrics": "--metrics", "gallery": "--gallery",
    "groups": "--groups", "bucket_by": "--bucket-by",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What stands on the command line; see the options of the same names."""

    weights: str | None
    data: str
    kinds: str
    out: Path | None
    methods: str
    limit: int
    size: int
    seed: int
    frozen: Path | None
    trained_on: tuple[Path, ...]
    inputs: Path | None
    pictures: bool
    sheet: Path | None
    against: str
    references: Path | None
    batch: int
    device: str
    overwrite: bool


def refuse_other_options(context: click.Context) -> None:
    """--occlusions brings its own holes and measures."""
    given = [
        option
        for name, option in OF_STROKES.items()
        if context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--occlusions has holes and measures of its own: leave out {' and '.join(given)}, or --occlusions"
        )


def measure_occlusions(asked: Asked) -> None:
    """Measures, writes and tells; draws the sheet, if one is asked for."""
    from showface.cli.measuring import bar, chosen_occlusion_protocol, refuse_unknown_opponent
    from showface.evaluation.comparison import ComparisonConfig
    from showface.evaluation.measuring.result_folder import write_inputs
    from showface.evaluation.methods.named import contenders, refuse_unknown_methods
    from showface.evaluation.methods.references import read_references
    from showface.evaluation.occlusions.sheet import refuse_sheet, write_sheet
    from showface.evaluation.occlusions.study import faces_left_out, study_occlusions, write_study
    from showface.pipeline import named_device

    if asked.out is None and asked.inputs is None and asked.sheet is None:
        raise click.UsageError("give --out FOLDER for a report, --sheet FILE to look at or --inputs FOLDER")
    names, where = [name for name, _ in refuse_unknown_methods(asked.methods)], str(named_device(asked.device))
    refuse_unknown_opponent(asked.against, names)
    if asked.sheet is not None:
        refuse_sheet(asked.sheet, names)
    occluded = chosen_occlusion_protocol(
        asked.data, asked.kinds, size=asked.size, seed=asked.seed, limit=asked.limit, frozen=asked.frozen,
        device=asked.device,
    )  # fmt: skip
    protocol = occluded.protocol
    if asked.inputs is not None:
        click.echo(f"{write_inputs(asked.inputs, protocol)} pairs of protocol {protocol.digest[:12]} in {asked.inputs}")
        return
    references = None if asked.references is None else read_references(asked.references, protocol)
    chosen = contenders(
        asked.methods, source=asked.weights, device=asked.device, protocol=protocol, references=references
    )  # fmt: skip
    for one in chosen:
        if left_out := faces_left_out(one, protocol):
            click.echo(f"{one.name}: {len(left_out)} faces have no reference and are left out")
    if asked.out is not None:
        config = ComparisonConfig(
            out=asked.out, batch=asked.batch, device=where, trained_on=asked.trained_on, pictures=asked.pictures,
            overwrite=asked.overwrite,
        )  # fmt: skip
        with bar("measuring") as progress:
            study = study_occlusions(
                protocol, chosen, config, parser=occluded.parser, eyes=occluded.eyes, against=asked.against,
                progress=progress,
            )  # fmt: skip
        write_study(study, protocol, asked.out)
        click.echo(f"\n{study.as_markdown()}\nprotocol {protocol.digest[:12]}; report in {asked.out}")
    if asked.sheet is not None:
        for file in write_sheet(asked.sheet, protocol, chosen, batch=asked.batch):
            click.echo(f"wrote {file}")
