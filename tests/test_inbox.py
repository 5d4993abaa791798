"""Commands that wait, and what is said of those that could not be carried out."""

from queue import SimpleQueue

from workbench.errors import RunError
from workbench_widgets.inbox import trouble, waiting, words


def test_what_comes_in_meanwhile_is_taken_out_too_in_order():
    queue = SimpleQueue()
    queue.put(3)
    taken = []
    for n in waiting(queue):
        taken.append(n)
        if n:
            queue.put(n - 1)
    assert taken == [3, 2, 1, 0]
    assert queue.empty()


def test_our_errors_speak_for_themselves_and_others_name_their_type():
    assert words(RunError("the run is over.")) == "the run is over."
    assert words(KeyError("lr")) == "KeyError: 'lr'"
    assert trouble(ValueError("no"))["text"] == "ValueError: no"
