"""`showface serve`: parse, call, print."""

from __future__ import annotations

import click


@click.command("serve", short_help="Open the editor in the browser, and answer its API.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--token", envvar="SHOWFACE_TOKEN", help="What callers have to bring; better given as SHOWFACE_TOKEN.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name it is reached under. Repeatable.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Pictures at once.")
@click.option("--queue", default=32, show_default=True, type=click.IntRange(min=0), help="Requests that may wait.")
@click.option("--threads", type=click.IntRange(min=1), help="Processor threads of all workers together.")
@click.option(
    "--body-limit", default=64, show_default=True, type=click.IntRange(1, 256), metavar="MIB", help="Of one request."
)
@click.option(
    "--pixel-limit", default=50.0, show_default=True, type=click.FloatRange(min=0, min_open=True), metavar="MP",
    help="Refuse pictures of more megapixels, before they are decoded.",
)  # fmt: skip
@click.option("--fetch-detector", is_flag=True, help="Fetch the face detector first, if it is not there yet.")
@click.option("--weights", help="A folder, a .safetensors file or a hub id; default: those of the package.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--precision", type=click.Choice(["float32", "bfloat16", "auto"]), default="float32", show_default=True,
    help="What the networks compute in; auto: bfloat16 where the device has it.",
)  # fmt: skip
def command(
    host: str, port: int, token: str | None, allow_host: tuple[str, ...], workers: int, queue: int,
    threads: int | None, body_limit: int, pixel_limit: float, fetch_detector: bool, weights: str | None, device: str,
    precision: str,
) -> None:  # fmt: skip
    """Open the editor in the browser: http://127.0.0.1:8000/, and the API behind it (/docs).

    Pictures stay in memory and are sent nowhere. It ends with Ctrl-C.
    """
    import sys
    from importlib.util import find_spec

    from showface.errors import MissingExtraError
    from showface.photo.find_faces import face_finder

    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingExtraError("the service needs the extra: pip install 'showface[web]'")
    from showface.web.serving import serve
    from showface.web.settings import MIB, Settings

    settings = Settings(
        host=host, port=port, token=token, allow_hosts=allow_host, workers=workers, queue=queue, threads=threads,
        body_limit=body_limit * MIB, pixel_limit=round(pixel_limit * 1e6), weights=weights, device=device,
        precision=precision,
    )  # fmt: skip
    if face_finder(fetch=fetch_detector) is None:
        click.echo(
            "showface: the face detector is not here, so only square portraits are taken for faces; "
            "--fetch-detector fetches it",
            err=True,
        )
    end = f"#token={token}" if token and sys.stdout.isatty() else ""  # not into a log
    serve(settings, started=lambda address: click.echo(f"{address}{end}  (Ctrl-C ends it)"))
