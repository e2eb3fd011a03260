"""What the API answers, beside what the command line and the library give for the same."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from showface.images import Held
from showface.photo.decode import decode
from showface.photo.encode import encoded
from showface.photo.fidelity import FIDELITY
from showface.pipeline import FaceInpainter
from showface.semantics import CATEGORIES

pytestmark = pytest.mark.slow  # every request completes a face

Service = Callable[..., TestClient]
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
HOLE = np.zeros((64, 64), dtype=bool)
HOLE[20:40, 24:50] = True
JSON = {"Accept": "application/json"}


def file_of(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


PNG, MASK = file_of(PIXELS), file_of(HOLE)


def opened(content: bytes | str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(content) if isinstance(content, str) else content))


def invalid(answer: httpx2.Response) -> str:
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), answer.text
    return str(answer.json()["detail"])


# ------------------------------------------------------------------ inpaint


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_the_picture_that_comes_back_is_the_pipelines(service: Service, tiny_inpaint: FaceInpainter, form: str) -> None:
    content = file_of(PIXELS, form)
    answer = service().post("/v1/inpaint", files={"image": ("a", content), "mask": ("m", MASK)})
    assert answer.headers["content-type"] == f"image/{form.lower()}"
    assert answer.content == encoded(tiny_inpaint.restore(decode(Held("image", content)), HOLE).photo)
    if form != "JPEG":
        given, got = (decode(Held("a", content)).rgb() for content in (content, answer.content))
        np.testing.assert_array_equal(given[~HOLE], got[~HOLE])
        assert (given[HOLE] != got[HOLE]).mean() > 0.5


def test_json_has_the_facts_and_the_same_bytes(service: Service) -> None:
    client = service()
    form = {"files": {"image": ("a", PNG), "mask": ("m", MASK)}}
    told = client.post("/v1/inpaint", **form, data={"preview": "true"}, headers=JSON).json()
    assert base64.b64decode(told["image"]) == client.post("/v1/inpaint", **form).content
    assert (told["width"], told["height"], told["format"], told["content_type"]) == (64, 64, "PNG", "image/png")
    assert told["faces"] == 1 and told["hole_share"] == pytest.approx(HOLE.mean()) and told["seconds"] > 0
    np.testing.assert_array_equal(np.asarray(opened(told["preview"])), np.asarray(opened(told["image"])))


@pytest.mark.usefixtures("reflecting")
def test_the_other_side_of_the_face_is_used_unless_it_is_switched_off(service: Service) -> None:
    client = service()
    form = {"files": {"image": ("a", PNG), "mask": ("m", MASK)}}
    told = {
        mirror: client.post("/v1/inpaint", **form, data={"mirror": mirror} if mirror else {}, headers=JSON).json()
        for mirror in ("", "auto", "off")
    }
    assert told[""]["image"] == told["auto"]["image"] != told["off"]["image"]
    assert told["auto"]["mirror"] == ["taken"] and told["auto"]["mirrored"] == pytest.approx(1, abs=0.01)
    assert (told["off"]["mirror"], told["off"]["mirrored"]) == (["off"], 0)

    taken, off = (client.post("/v1/explain", **form, data={"mirror": it}).json() for it in ("auto", "off"))
    assert (taken["mirror"], taken["mirrored"]) == ("taken", 1) and (off["mirror"], off["mirrored"]) == ("off", 0)
    views = [{view["name"]: opened(view["image"]) for view in it["views"]} for it in (taken, off)]
    colours = [np.ptp(np.asarray(it["other_side"]).astype(int), axis=2).max() for it in views]
    assert colours[0] > 50 and colours[1] == 0, "grey where nothing was taken"
    assert np.array_equal(*(it["completed"] for it in views)), "what the networks made stays theirs"


@pytest.mark.usefixtures("reflecting")
def test_the_fidelity_is_a_field_and_the_answer_says_it(service: Service, tiny_inpaint: FaceInpainter) -> None:
    client = service()
    form = {"files": {"image": ("a", PNG), "mask": ("m", MASK)}}
    told = {
        it: client.post("/v1/inpaint", **form, data={"fidelity": it} if it else {}, headers=JSON).json()
        for it in ("", "0", "0.5", "1")
    }
    assert [told[it]["fidelity"] for it in told] == [FIDELITY, 0, 0.5, 1]
    assert told["1"]["mirror"] == ["off"] and len({told[it]["image"] for it in ("0", "0.5", "1")}) == 3
    for it in ("0.5", "1"):
        expected = tiny_inpaint.restore(decode(Held("image", PNG)), HOLE, fidelity=float(it)).photo
        assert base64.b64decode(told[it]["image"]) == encoded(expected)
    assert client.post("/v1/explain", **form, data={"fidelity": "1"}).json()["mirror"] == "off"


def test_why_nothing_came_from_the_other_side_is_told(service: Service) -> None:
    client = service()

    def why(image: bytes, boxes: str) -> list[object]:
        form = {"files": {"image": ("a", image)}, "data": {"boxes": boxes}}
        answers = (client.post(f"/v1/{it}", **form, headers=JSON).json()["mirror"] for it in ("inpaint", "explain"))
        return list(answers)

    assert why(PNG, "[[0, 20, 64, 44]]") == [["hidden on both sides"], "hidden on both sides"]
    assert why(file_of(np.tile(PIXELS, (1, 4, 1))), "[[90, 20, 20, 20]]") == [["no face"], "no face"]


def test_mask_and_boxes_are_united_grown_and_inverted(service: Service) -> None:
    client = service()

    def changed(**fields: str) -> np.ndarray:
        files = {"image": ("a", PNG), "mask": ("m", MASK)}
        answer = client.post("/v1/inpaint", files=files, data=fields)
        assert answer.status_code == 200, answer.text
        return np.asarray((np.asarray(opened(answer.content)) != PIXELS).any(axis=2))

    with_box = changed(boxes="[[0, 0, 5, 4], [60, 60, 4, 4]]")
    assert with_box[:4, :5].mean() > 0.8 and with_box[60:, 60:].mean() > 0.8 and not with_box[5:19].any()
    assert changed(grow="3")[17:20, 30:40].mean() > 0.8
    inverted = changed(invert_mask="true")
    assert not inverted[HOLE].any() and inverted[~HOLE].mean() > 0.8


def test_an_empty_mask_gives_the_very_bytes_and_a_warning(service: Service) -> None:
    content = file_of(PIXELS, "JPEG", quality=83, comment=b"mine")
    form = {"files": {"image": ("a", content), "mask": ("m", file_of(HOLE & False))}}
    client = service()
    assert client.post("/v1/inpaint", **form).content == content
    told = client.post("/v1/inpaint", **form, headers=JSON).json()
    assert "empty" in told["warnings"][0] and told["faces"] == 0


def test_warnings_come_with_the_request_that_caused_them(service: Service) -> None:
    client = service(workers=2)
    rgba = file_of(np.dstack([PIXELS, PIXELS[..., :1]]))
    for content, expected in ((rgba, ["JPEG cannot hold alpha: converted"]), (PNG, [])):
        form = {"files": {"image": ("a", content), "mask": ("m", MASK)}}
        told = client.post("/v1/inpaint", **form, data={"format": "jpeg"}, headers=JSON).json()["warnings"]
        assert [line for line in told if "smoother" not in line] == expected  # an untrained network draws no detail


def test_metadata_stays_or_goes(service: Service) -> None:
    exif = Image.Exif()
    exif[0x8298] = "her own picture"
    form = {"files": {"image": ("a", file_of(PIXELS, "JPEG", exif=exif)), "mask": ("m", MASK)}}
    client = service()
    assert opened(client.post("/v1/inpaint", **form).content).getexif()[0x8298] == "her own picture"
    stripped = client.post("/v1/inpaint", **form, data={"strip_metadata": "true"})
    assert 0x8298 not in opened(stripped.content).getexif()


def test_what_is_asked_wrongly_is_said_in_a_sentence(service: Service) -> None:
    client = service()

    def ask(files: dict[str, bytes], **fields: str) -> httpx2.Response:
        return client.post("/v1/inpaint", files={name: ("f", content) for name, content in files.items()}, data=fields)

    both = {"image": PNG, "mask": MASK}
    assert "at least one of mask" in invalid(ask({"image": PNG}))
    assert "either image" in invalid(ask({"mask": MASK}))
    assert "did you mean 'boxes'" in invalid(ask(both, boxs="[]"))
    assert invalid(ask(both, grow="-1")).startswith("grow: ")
    assert invalid(ask(both, boxes="1,2,3,4")).startswith("boxes: ")
    assert invalid(ask(both, boxes="[[1, 2, 3]]")).startswith("boxes.0")
    assert invalid(ask(both, format="gif")).startswith("format: ")
    assert invalid(ask(both, mirror="on")).startswith("mirror: ")
    for fidelity in ("-0.1", "1.01", "nan", "inf", "half"):
        assert invalid(ask(both, fidelity=fidelity)).startswith("fidelity: ")
    assert "expected text" in invalid(ask(both | {"grow": b"1"}))
    for files, fields, error in (
        (both, {"regions": "eye"}, "setting"),
        (both, {"quality": "50"}, "setting"),
        (both, {"boxes": "[[60, 60, 9, 9]]"}, "mask"),
        ({"image": PNG, "mask": file_of(HOLE[:32])}, {}, "mask"),
        ({"image": PNG, "mask": file_of(HOLE | True)}, {}, "mask"),
        ({"image": b"", "mask": MASK}, {}, "image"),
    ):
        answer = ask(files, **fields)
        assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


# ------------------------------------------------------------------ kept pictures


def test_a_kept_picture_is_sent_once_and_used_often(service: Service) -> None:
    client = service()
    kept = client.post("/v1/pictures", files={"image": ("a", PNG)}).json()
    assert (kept["width"], kept["height"], kept["format"], kept["bytes"]) == (64, 64, "PNG", len(PNG))
    fields = {"picture": kept["id"], "boxes": "[[20, 20, 9, 9]]"}
    sent = client.post("/v1/inpaint", files={"image": ("a", PNG)}, data={"boxes": fields["boxes"]})
    for _ in range(2):
        assert (
            client.post("/v1/inpaint", files={"mask": ("m", file_of(HOLE & False))}, data=fields).content
            == sent.content
        )
    np.testing.assert_array_equal(np.asarray(opened(client.get(f"/v1/pictures/{kept['id']}/view").content)), PIXELS)
    assert client.delete(f"/v1/pictures/{kept['id']}").status_code == 204
    assert client.get(f"/v1/pictures/{kept['id']}/view").status_code == 404
    assert client.delete(f"/v1/pictures/{kept['id']}").status_code == 204


def test_what_is_no_picture_is_not_kept(service: Service) -> None:
    client = service()
    assert client.post("/v1/pictures", files={"image": ("a", b"text")}).status_code == 400
    assert invalid(client.post("/v1/pictures", files={"mask": ("a", PNG)}))
    assert "showface_kept_pictures 0.0" in client.get("/metrics").text


def test_pictures_are_shown_upright_and_as_browsers_can(service: Service) -> None:
    turned = Image.Exif()
    turned[274] = 6
    inks = Image.fromarray(PIXELS[:32]).convert("CMYK")
    stream = io.BytesIO()
    inks.save(stream, "TIFF")
    client = service()
    for content, size in ((file_of(PIXELS[:32], "JPEG", exif=turned), (32, 64)), (stream.getvalue(), (64, 32))):
        kept = client.post("/v1/pictures", files={"image": ("a", content)}).json()
        shown = opened(client.get(f"/v1/pictures/{kept['id']}/view").content)
        assert (kept["width"], kept["height"]) == shown.size == size
        assert shown.format == "PNG" and shown.mode == "RGB"


# ------------------------------------------------------------------ faces, regions, explanation


def test_a_square_picture_is_a_face_where_faces_are_not_looked_for(service: Service) -> None:
    told = service().post("/v1/faces", files={"image": ("a", PNG)}).json()
    assert told["detector"] is False and (told["width"], told["height"]) == (64, 64)
    (face,) = told["faces"]
    x, y, width, height = face["box"]
    assert face["score"] is None and 0 < x < x + width < 64 and 0 < y < y + height < 64
    assert len(face["points"]) == 5 and all(x < left < x + width for left, _ in face["points"])


def test_a_named_face_is_where_it_was_named(service: Service) -> None:
    files = {"image": ("a", file_of(np.tile(PIXELS, (3, 5, 1))))}
    client = service()
    assert client.post("/v1/faces", files=files).json()["faces"] == []
    told = client.post("/v1/faces", files=files, data={"face_box": "[100, 20, 60, 80]"}).json()
    x, y, width, height = told["faces"][0]["box"]
    assert x + width / 2 == pytest.approx(130, abs=1) and y + height / 2 == pytest.approx(60, abs=1)


def test_regions_are_those_that_can_be_filled_in_by_name(service: Service) -> None:
    client = service()
    files = {"image": ("a", PNG)}
    found = client.post("/v1/regions", files=files).json()
    assert found["faces"] == 1 and found["mask"] is None and found["regions"]
    for region in found["regions"]:
        told = client.post("/v1/regions", files=files, data={"regions": region["name"]}).json()
        whole = np.asarray(opened(told["mask"]))
        x, y, width, height = region["box"]
        part = np.zeros_like(whole)
        part[y : y + height, x : x + width] = np.asarray(opened(region["mask"]))
        np.testing.assert_array_equal(part, whole)
        assert whole.shape == (64, 64) and whole.sum() == region["pixels"]


def test_the_explanation_shows_every_box_and_what_was_read(service: Service) -> None:
    client = service()
    told = client.post("/v1/explain", files={"image": ("a", PNG), "mask": ("m", MASK)}).json()
    views = {view["name"]: opened(view["image"]) for view in told["views"]}
    assert list(views) == ["aligned", "visible", "coarse", "semantic_map", "completed", "other_side", "attention"]
    assert all(view.size == (256, 256) for view in views.values())
    for read in told["memory"]:
        assert read["category"] in CATEGORIES and 0 <= read["hidden"] <= 1
        assert sum(read["weights"]) == pytest.approx(1, abs=1e-3) or not any(read["weights"])
    empty = client.post("/v1/explain", files={"image": ("a", PNG), "mask": ("m", file_of(HOLE & False))})
    assert empty.json()["error"] == "mask"


# ------------------------------------------------------------------ samples, health, numbers


def test_samples_are_those_of_the_package(service: Service) -> None:
    client = service()
    samples = client.get("/v1/samples").json()["samples"]
    assert len(samples) == 10
    folder = Path(__file__).parents[2] / "src" / "showface" / "release" / "samples"
    for sample in samples:
        assert client.get(sample["image"]).content == (folder / "faces" / f"{sample['name']}.webp").read_bytes()
        assert client.get(sample["mask"]).headers["content-type"] == "image/png"


def test_requests_are_counted_by_route_and_never_by_name(service: Service) -> None:
    client = service()
    client.get("/v1/samples/07043.image")
    client.get("/v1/samples/anna")
    client.get("/anna")
    client.post("/v1/faces", files={"image": ("anna", b"")})
    text = client.get("/metrics").text
    assert 'showface_requests_total{route="/v1/samples/{name}",status="200"} 1.0' in text
    assert 'showface_requests_total{route="/v1/samples/{name}",status="404"} 1.0' in text
    assert 'showface_requests_total{route="other",status="404"} 1.0' in text
    assert 'showface_requests_total{route="/v1/faces",status="400"} 1.0' in text
    assert "anna" not in text and "showface_waiting_bytes 0.0" in text
