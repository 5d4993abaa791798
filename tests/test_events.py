"""Event logs: appended by one thread, read by others, kept as JSON lines."""

import dataclasses
import json
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from tests.engine_helpers import curve, run
from workbench import events
from workbench.errors import LogError
from workbench.event_file import decode, dumps, encode, loads
from workbench.events import EventLog, Printed, TrialFinished, TrialSuggested
from workbench.history import Drawn
from workbench.trials import Trials


def test_readers_with_a_cursor_see_every_event_once_and_in_order():
    log = EventLog()
    seen = []

    def read():
        cursor = 0
        while len(seen) < 4000:
            log.wait(cursor, 1)
            new = log.since(cursor)
            cursor += len(new)
            seen.extend(new)

    reader = threading.Thread(target=read)
    reader.start()
    writers = [threading.Thread(target=lambda k=k: [log.append(Printed(k, str(i))) for i in range(500)])
               for k in range(8)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    reader.join(10)
    assert len(seen) == 4000
    for k in range(8):
        assert [e.text for e in seen if e.trial == k] == [str(i) for i in range(500)]


def test_wait_says_whether_something_came():
    log = EventLog()
    assert not log.wait(0, 0.01)
    log.append(Printed(0, "x"))
    assert log.wait(0, 0.01)


# ---- files ---------------------------------------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
arrays = st.builds(lambda v, t: np.array(v, dtype=t), st.lists(st.floats(width=32), max_size=5),
                   st.sampled_from(["f8", "f4"])) | st.builds(np.array, st.lists(st.integers(-9, 9), min_size=1))
values = st.recursive(scalars | arrays, lambda v: st.lists(v, max_size=3) | st.lists(v, max_size=3).map(tuple)
                      | st.dictionaries(st.text(), v, max_size=3), max_leaves=8)


def same(a, b):
    """Equal in type and content; nan equals nan."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return a == b


@given(values)
@settings(max_examples=300, deadline=None)
def test_whatever_an_event_may_hold_survives_the_file(value):
    text = json.dumps(encode(value), allow_nan=False)
    back = decode(json.loads(text))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":  # payloads of nan are not kept
        np.testing.assert_array_equal(back, value)
        assert back.dtype == value.dtype
    else:
        assert same(value, back) or "nan" in text


@given(st.integers(0), st.dictionaries(st.text(), scalars, max_size=4), st.text())
@settings(max_examples=100, deadline=None)
def test_any_event_survives_a_line(number, config, text):
    for e in (TrialSuggested(number, config, Drawn(text)), TrialFinished(number, "failed", None, text),
              Printed(number, text), events.TrialReported(number, 1, math.inf),
              events.RunStarted(text, text, {"params": []}, None), events.StepTaken(1, {"loss": math.nan})):
        line = dumps(e)
        assert "\n" not in line
        assert same(loads(line), e)


@pytest.mark.parametrize("algorithm", [wb.Random(), wb.TPE(n_startup=3), wb.GPBO(n_startup=3), wb.Grid(k=2)],
                         ids=lambda a: type(a).__name__)
def test_the_log_of_a_run_with_explanations_survives_the_file(algorithm, tmp_path):
    r = run(curve, algorithm=algorithm, n_trials=8, n_workers=2)
    r.log.save(tmp_path / "log.jsonl")
    back = EventLog.load(tmp_path / "log.jsonl")
    assert len(back) == len(r.log)
    for a, b in zip(r.log, back, strict=True):
        assert same(a, b)
    assert Trials(back).frame().equals(r.frame())
    assert Trials(back).by_number[7].why.summary() == r.explain(7).summary()


@pytest.mark.parametrize(("line", "says"), [
    ("", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ("[]", "JSON object"),
    ('{"event": "Bang"}', "must name one of"),
    ('{"trial": 1}', "must name one of"),
    ('{"event": "Printed", "trial": 1, "text": "x", "color": "red"}', "no field"),
    ('{"event": "Printed"}', "cannot be made"),
    ('{"event": "Printed", "trial": {"!": "code", "value": "1"}, "text": ""}', "unknown tag"),
    ('{"event": "Printed", "trial": {"!": "array", "dtype": "O", "shape": [1], "items": [1]}, "text": ""}', "arrays hold"),
    ('{"event": "Printed", "trial": {"!": "array", "dtype": "f8", "shape": [9], "items": [1]}, "text": ""}', "malformed"),
    ('{"event": "TrialSuggested", "trial": 1, "config": {}, "why": {"!": "why", "class": "os:system", "fields": {}}}',
     "named like"),
    ('{"event": "TrialSuggested", "trial": 1, "config": {}, "why": {"!": "why", "class": "workbench.__main__:main", '
     '"fields": {}}}', "named like"),
    ('{"event": "TrialSuggested", "trial": 1, "config": {}, "why": {"!": "why", "class": "workbench.store:mend", '
     '"fields": {}}}', "is no explanation"),
    ('{"event": "TrialSuggested", "trial": 1, "config": {}, "why": {"!": "why", "class": "workbench.events:Printed", '
     '"fields": {}}}', "is no explanation"),
    ('{"event": "TrialSuggested", "trial": 1, "config": {}, "why": {"!": "why", "class": "workbench.nowhere:X", '
     '"fields": {}}}', "no module"),
])
def test_a_malformed_or_hostile_line_is_refused_and_nothing_in_it_executed(line, says, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(dumps(Printed(0, "fine")) + "\n" + line + "\n")
    with pytest.raises(LogError, match="line 2") as caught:
        EventLog.load(path)
    assert says in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "log").write_bytes(b"\x80\x81\xff")
    with pytest.raises(LogError, match="no event log"):
        EventLog.load(tmp_path / "log")


def test_what_cannot_be_kept_is_refused_when_it_is_written():
    with pytest.raises(LogError, match="got object"):
        dumps(TrialSuggested(0, {"x": object()}))
