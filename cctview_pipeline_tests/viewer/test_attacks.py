"""What somebody tries who should not: other names, other pages, other people's cookies, paths, SQL, bombs, and slowness."""

import io
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake import Partition
from cctview_pipeline.viewer import ViewerSettings, door
from cctview_pipeline.viewer.app import PAGES
from cctview_pipeline.viewer.settings import read_tokens
from cctview_pipeline_tests.factories.archive import HOUR_17
from cctview_pipeline_tests.factories.tables import rows
from cctview_pipeline_tests.factories.viewer_lake import HOUR_KEY, PURPOSE
from cctview_pipeline_tests.viewer.conftest import ORIGIN, Browser, Open
from cctview_pipeline_tests.viewer.test_pages import FREE, HOUR, name_of, vehicle

TOKEN = "Zr4tKq8wLm2vXc6bNh1yPd"
GUARDED = ViewerSettings(host="0.0.0.0", hosts=("cctview.example.org",), tokens={"anna": TOKEN})


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "cctview.example.org", "", "127.0.0.1@evil", "[::2]"])
def test_a_name_that_is_not_ours_gets_nothing(browser: Browser, host: str):
    answer = browser.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "<h1>" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8020", "[::1]:8020", "LOCALHOST"])
def test_this_machines_names_are_ours(browser: Browser, host: str):
    assert browser.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1:8020", "http://127.0.0.1:3000"])
def test_a_form_of_another_page_is_refused_whole(browser: Browser, origin: str | None):
    assert browser.submit("/purpose", origin, purpose=PURPOSE).status_code == 403
    assert not browser.log.path.exists()
    browser.state()
    assert browser.submit(f"{vehicle(browser)}/verdicts", origin, verdict="none", candidate="").status_code == 403


def test_a_picture_embedded_by_another_site_is_refused(browser: Browser):
    assert (
        browser.get("/static/viewer.css", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}).status_code
        == 403
    )


@pytest.mark.parametrize("cookie", ["x", "", "A" * 5000, "%C3%A9", "../../etc/passwd", "' OR 1=1 --"])
def test_a_forged_cookie_is_no_session(browser: Browser, cookie: str):
    browser.state()
    browser.cookies.clear()
    assert browser.get(HOUR, headers={"cookie": f"cctview_session={cookie}"}).status_code == 303


def test_cookies_are_strict_and_new_with_every_purpose(browser: Browser):
    said = [browser.submit("/purpose", purpose=PURPOSE).headers["set-cookie"] for _ in range(2)]
    assert said[0].split(";")[0] != said[1].split(";")[0]
    for word in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert word in said[0]


def test_over_https_cookies_are_secure(open_browser: Open):
    browser = open_browser(ViewerSettings(secure=True))
    answer = browser.post("https://127.0.0.1/purpose", data={"purpose": PURPOSE}, headers={"origin": "https://127.0.0.1"})
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize(
    "address", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\tx", ""]
)
def test_no_address_leads_elsewhere(browser: Browser, address: str):
    assert browser.submit("/purpose", purpose=PURPOSE, next=address).headers["location"] == "/"


@pytest.mark.parametrize(
    "name",
    ["../../campaign.toml", "..%2f..%2fcampaign.toml", "%2e%2e/x", "cam-1%00", "*", "camera=cam-1", "c" * 5000],
)
def test_no_path_or_id_leads_out_of_the_campaign(browser: Browser, name: str):
    browser.state()
    for address in (
        f"/cameras/{name}",
        f"/cameras/{name}/{HOUR_KEY}",
        f"/cameras/cam-1/{name}",
        f"/static/{name}",
        f"/figures/{name}",
    ):
        assert browser.get(address).status_code == 404
    for address in (f"/vehicles/cam-1/{HOUR_KEY}/{name}", f"/crops/cam-1/{HOUR_KEY}/{name}.png", f"/journeys/{name}"):
        assert browser.get(address).status_code in (403, 404)


SQL = ["' OR '1'='1", "'; DROP TABLE tracks; --", '" UNION SELECT 1', "read_parquet('/etc/passwd')", "1; COPY tracks TO '/tmp/x'"]


@pytest.mark.parametrize("sql", SQL)
def test_sql_in_every_field_finds_nothing_and_breaks_nothing(browser: Browser, sql: str):
    browser.state()
    name = quote(sql, safe="")
    fields = [
        f"/?day={name}", f"/?road={name}", f"/cameras/{name}", f"/cameras/cam-1?near={name}",
        f"{HOUR}?at={name}&time={name}&way={name}",
        f"/figures/{name}", f"/figures/vehicle_counts?day={name}", f"/figures/vehicle_counts?camera={name}",
        f"/figures/vehicle_counts.csv?camera={name}", f"/search?camera=cam-1&hour={HOUR_KEY}&like={name}",
        f"/vehicles/cam-1/{HOUR_KEY}/{name}", f"/journeys/{HOUR_KEY}?road={name}&at={name}", f"/purpose?next={name}",
    ]  # fmt: skip
    assert {browser.get(address).status_code for address in fields} <= {200, 404}
    assert browser.submit("/purpose", purpose=sql).status_code == 403
    assert browser.state().submit("/kept/requests", camera="cam-1", begin=sql, end=sql).status_code == 404
    assert browser.get(vehicle(browser)).status_code == 200


@pytest.mark.parametrize(
    "text", ["' OR '1'='1'; DROP TABLE tracks; --", "<script>alert(1)</script>", "../../../campaign.toml", "\x00\ud800"]
)
def test_every_field_of_every_address_takes_anything(browser: Browser, text: str):
    """By the application's own list of addresses, so that a new field is tried too."""
    browser.state()
    before = {path: path.read_bytes() for path in Path(browser.lake.uri).rglob("*") if path.is_file()}
    usual = {"camera": "cam-1", "hour": HOUR_KEY, "name": name_of(browser, "cam-1"), "begin": "2020-05-05T17:00Z"}
    usual |= {"end": "2020-05-05T17:10Z", "verdict": "same", "purpose": PURPOSE, "next": "/"}
    evil, tried = quote(text, safe="", errors="surrogatepass"), 0
    for route in (route for each in PAGES for route in each.router.routes):
        fields = route.dependant
        for field in (*fields.path_params, *fields.query_params, *fields.body_params):
            values = usual | {field.alias: text}
            path = route.path
            for each in fields.path_params:
                path = path.replace(f"{{{each.alias}}}", evil if each is field else quote(usual.get(each.alias, "x")))
            query = f"?{field.alias}={evil}" if field in fields.query_params else ""
            if "POST" in route.methods:
                form = {
                    each.alias: values.get(each.alias, "").encode(errors="replace")
                    for each in fields.body_params
                    if each.alias != "picture"
                }
                files = (
                    {"picture": (text.encode(errors="replace").decode(), b"no picture")}
                    if "picture" in path + str(fields.body_params)
                    else None
                )
                answer = browser.post(path + query, data=form, files=files, headers={"origin": ORIGIN})
            else:
                answer = browser.get(path + query)
            assert answer.status_code < 500, (route.path, field.alias, answer.text)
            assert "<script>alert" not in answer.text, (route.path, field.alias)
            tried += 1
            browser.state()
    assert tried > 30
    labels = {path for path in Path(browser.lake.uri).rglob("*") if "verdicts" in path.parts}
    assert {
        path: path.read_bytes() for path in Path(browser.lake.uri).rglob("*") if path.is_file() and path not in labels
    } == before


def test_html_in_an_uploaded_files_name_and_in_words_stays_text(browser: Browser):
    browser.state()
    files = {"picture": ("<script>alert(1)</script>.png", b"no picture", "image/png")}
    form = {"camera": "cam-1", "hour": HOUR_KEY}
    answer = browser.post("/search", data=form, files=files, headers={"origin": ORIGIN})
    assert answer.status_code == 404
    assert "is no picture that can be read" in answer.text
    assert "<script>alert" not in answer.text
    browser.submit(
        "/kept/requests", camera="cam-1", begin="2020-05-05T17:00Z", end="2020-05-05T17:10Z", words="<script>alert(1)</script>"
    )
    assert "<script>alert" not in browser.get("/kept").text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_no_text_in_a_file_of_figures_is_a_spreadsheets_formula(browser: Browser, text: str):
    browser.lake.write("vehicle_counts", Partition.of_day(HOUR_17.date()), rows("vehicle_counts", {"label": text}))
    assert f",'{text},".encode() in browser.get("/figures/vehicle_counts.csv").content


def test_a_picture_of_a_hundred_megapixels_is_refused_before_it_is_decoded(browser: Browser):
    bomb = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(bomb, "PNG")
    browser.state()
    began = time.monotonic()
    answer = browser.post(
        "/search",
        data={"camera": "cam-1", "hour": HOUR_KEY},
        files={"picture": ("a.png", bomb.getvalue())},
        headers={"origin": ORIGIN},
    )
    assert "100,000,000 pixels is refused" in answer.text
    assert time.monotonic() - began < 2


def test_a_form_that_is_too_large_is_refused_before_it_is_read(browser: Browser):
    answer = browser.post("/search", content=b"x" * (door.MAX_BODY + 1), headers={"origin": ORIGIN})
    assert answer.status_code == 413
    said = browser.post("/search", content=b"x", headers={"origin": ORIGIN, "content-length": "-5"})
    assert said.status_code == 413


def test_requests_of_one_address_are_limited(browser: Browser, monkeypatch):
    monkeypatch.setattr(door, "BURST", 5)
    monkeypatch.setattr(door, "A_SECOND", 0.001)
    assert [browser.get("/health").status_code for _ in range(7)].count(429) >= 1


@pytest.mark.parametrize("address", [*FREE, "/nothing", "/static/viewer.js"])
def test_no_answer_may_load_or_run_anything_but_ours(browser: Browser, address: str):
    answer = browser.get(address)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for word in ("http://", "https://", "style=", "onclick", "onload", "<style", "javascript:"):
        own = answer.text.replace("http://127.0.0.1:3000", "").replace("http://www.w3.org", "")
        assert word not in own, (address, word)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_others_need_a_token_for_every_page(open_browser: Open):
    browser = open_browser(GUARDED)
    for address in [address for address in FREE if address != "/purpose"] + [HOUR]:
        assert browser.get(address).status_code == 303, address
    assert browser.get("/health").status_code == 200
    for wrong in ("", "x", TOKEN[:-1], f"{TOKEN}x"):
        assert browser.submit("/purpose", purpose=PURPOSE, token=wrong).status_code == 403
    assert browser.state(token=TOKEN).get(HOUR).status_code == 200
    assert browser.asked()[-1].startswith(f"query {PURPOSE}")
    assert {entry.user for entry in browser.log.newest()} == {"anna"}


def test_with_a_token_alone_one_sees_the_figures(open_browser: Open):
    browser = open_browser(GUARDED)
    assert browser.submit("/purpose", purpose="", token=TOKEN).status_code == 303
    assert browser.get("/figures").status_code == 200
    assert browser.get(HOUR).status_code == 303


def test_tokens_cannot_be_tried_for_long(open_browser: Open):
    browser = open_browser(GUARDED)
    tried = [browser.submit("/purpose", purpose=PURPOSE, token=f"wrong-{n}").status_code for n in range(12)]
    assert tried == [403] * 10 + [429] * 2
    assert browser.submit("/purpose", purpose=PURPOSE, token=TOKEN).status_code == 429


def test_tokens_and_cookies_stand_in_no_log_and_no_page(open_browser: Open, capfd, caplog):
    browser = open_browser(GUARDED).state(token=TOKEN)
    pages = "".join(browser.get(address).text for address in ("/", "/kept", HOUR))
    cookie = browser.cookies["cctview_session"]
    out = "".join(capfd.readouterr()) + caplog.text
    for secret in (TOKEN, cookie):
        assert secret not in browser.log.path.read_text()
        assert secret not in pages
        assert secret not in out
    assert TOKEN not in repr(GUARDED)


def test_without_tokens_only_this_machine_is_served():
    for settings in ({"host": "0.0.0.0"}, {"host": "192.168.1.4"}, {"hosts": ("cctview.example.org",)}):
        with pytest.raises(CctviewError, match="add --tokens FILE"):
            ViewerSettings(**settings)


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        (f"anna {TOKEN}\n", 0o644, "can be read by others"),
        ("anna short\n", 0o600, "is shorter than 20"),
        ("anna\n", 0o600, "must have lines of a name and a token"),
        ("", 0o600, "must have lines of a name and a token"),
    ],
)
def test_tokens_that_are_none_are_named(tmp_path, text: str, mode: int, sentence: str):
    file = tmp_path / "tokens"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(CctviewError, match=sentence):
        read_tokens(file)


def test_a_page_that_fails_tells_nothing_of_how(browser: Browser, monkeypatch):
    secret = "a secret of the machine"
    monkeypatch.setattr("cctview_pipeline.viewer.pages.figures.plots", lambda *given: 1 / 0 or secret)
    answer = browser.get("/figures/vehicle_counts")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert json.dumps(secret) not in answer.text
