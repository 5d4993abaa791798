import gc
import logging
import threading
import time

from workbench.events import EventLog, Printed
from workbench_widgets.pump import Pump


class Recorder:
    waits = False

    def __init__(self):
        self.events, self.draws, self.threads = [], 0, set()
        self.drawn = threading.Event()

    def fold(self, events):
        self.events += events
        self.threads.add(threading.current_thread())

    def draw(self):
        self.draws += 1
        self.threads.add(threading.current_thread())
        self.drawn.set()


def quiet_pump():
    """A pump whose thread does not run: the test ticks."""
    pump = Pump()
    pump._start = lambda: None
    return pump


def until(true, timeout=10.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_a_view_gets_every_event_once_and_in_order_and_draws_once_a_tick():
    pump, view, log = quiet_pump(), Recorder(), EventLog()
    pump.attach(view, log)
    for k in range(100):
        log.append(Printed(k, "x"))
    pump.tick()
    assert ([e.trial for e in view.events], view.draws) == (list(range(100)), 1)
    pump.tick()
    assert view.draws == 1  # nothing new, nothing drawn
    log.append(Printed(100, "x"))
    pump.tick()
    assert (len(view.events), view.draws) == (101, 2)


def test_a_view_may_begin_later_in_the_log():
    pump, view, log = quiet_pump(), Recorder(), EventLog((Printed(0, "old"),))
    pump.attach(view, log, cursor=1)
    log.append(Printed(1, "new"))
    pump.tick()
    assert [e.text for e in view.events] == ["new"]


def test_asking_draws_once_even_when_events_come_too():
    pump, view, log = quiet_pump(), Recorder(), EventLog()
    pump.attach(view, log)
    log.append(Printed(0, "x"))
    pump.ask(view)
    pump.ask(view)
    pump.tick()
    assert view.draws == 1


def test_a_view_that_waits_is_drawn_although_nothing_happens():
    pump, view = quiet_pump(), Recorder()
    pump.attach(view, EventLog())
    view.waits = True
    pump.tick()
    pump.tick()
    assert view.draws == 2


def test_a_failing_view_is_logged_and_the_others_go_on(caplog):
    class Broken(Recorder):
        def fold(self, events):
            raise RuntimeError("broken view")

    pump, broken, view, log = quiet_pump(), Broken(), Recorder(), EventLog((Printed(0, "x"),))
    pump.attach(broken, log)
    pump.attach(view, log)
    with caplog.at_level(logging.ERROR, "workbench.widgets"):
        pump.tick()
    assert len(view.events) == 1
    assert "broken view" in caplog.text


def test_a_view_that_nobody_holds_is_forgotten():
    pump, view = quiet_pump(), Recorder()
    pump.attach(view, EventLog())
    del view
    gc.collect()
    pump.tick()
    assert pump._followed == []


def test_a_detached_view_hears_nothing():
    pump, view, log = quiet_pump(), Recorder(), EventLog()
    pump.attach(view, log)
    pump.detach(view)
    log.append(Printed(0, "x"))
    pump.tick()
    assert view.events == []


def test_all_drawing_happens_on_one_thread_whoever_asks():
    pump, view, log = Pump(), Recorder(), EventLog()
    pump.attach(view, log)
    askers = [threading.Thread(target=pump.ask, args=(view,)) for _ in range(8)]
    for t in askers:
        t.start()
    until(lambda: view.draws)
    log.append(Printed(0, "x"))
    until(lambda: view.events)
    assert len(view.threads) == 1
    assert view.threads.isdisjoint({threading.current_thread(), *askers})


def test_thousands_of_events_from_eight_threads_become_few_drawings_and_none_is_lost():
    pump, view, log = Pump(), Recorder(), EventLog()
    pump.attach(view, log)

    def work(worker):
        for k in range(625):
            log.append(Printed(worker, str(k)))
            time.sleep(0.0016)

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(w,)) for w in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.monotonic() - began
    until(lambda: len(view.events) == 5000)
    assert [e.text for e in view.events if e.trial == 3] == [str(k) for k in range(625)]
    # ten drawings a second, and a few more for the first and the last tick and for a slow clock
    assert view.draws <= 10 * took + 4


def test_a_request_is_answered_before_the_next_regular_tick():
    pump, view = Pump(), Recorder()
    pump.attach(view, EventLog())
    time.sleep(0.15)
    waits = []
    for _ in range(5):
        view.drawn.clear()
        began = time.monotonic()
        pump.ask(view)
        assert view.drawn.wait(5)
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.05  # half a period: the tick would have come after 0.1 s


def test_many_visible_figures_slow_the_pump_down():
    """Twenty drawings a second are what a page can do, all figures together."""

    class Wall(Recorder):
        n_drawn, waits = 10, True

    pump, view = Pump(), Wall()
    pump.attach(view, EventLog())
    time.sleep(0.3)
    before = view.draws
    time.sleep(2.0)
    assert 1 <= view.draws - before <= 5  # one every half second
