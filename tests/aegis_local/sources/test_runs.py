"""Which changes of a source begin its work anew. The status that sources write is tested with each of them."""

from twisted.internet.defer import Deferred

from aegis_local.client.resources import Key, Object
from aegis_local.sources.runs import Run, Runs

KEY = Key("shop", "tick")


def source(uid: str = "1", generation: int = 1) -> Object:
    return {"metadata": {"uid": uid, "generation": generation}}


def begun(runs: Runs) -> list[str]:
    """Begins a run whose work waits for ever; tells when it is cancelled."""
    run, told = runs.anew(KEY, source(), "http://sink/"), []
    assert run is not None

    async def wait() -> None:
        await Deferred(lambda _: told.append("cancelled"))

    run.tasks.start("waiting", wait())
    runs.begun(KEY, run)
    return told


def test_what_runs_as_it_should_goes_on() -> None:
    """The same source and sink: nothing to begin, nothing ended."""
    runs = Runs()
    told = begun(runs)
    assert runs.anew(KEY, source(), "http://sink/") is None
    assert told == []


def test_a_change_ends_what_ran() -> None:
    """Another generation, another object of the same name, another sink: each begins anew."""
    for changed, url in (
        (source(generation=2), "http://sink/"),
        (source(uid="2"), "http://sink/"),
        (source(), "http://other/"),
    ):
        runs = Runs()
        told = begun(runs)
        run = runs.anew(KEY, changed, url)
        assert run == Run(changed["metadata"]["uid"], changed["metadata"]["generation"], url)
        assert told == ["cancelled"]


def test_a_run_that_did_not_begin_is_asked_for_again() -> None:
    """What failed at its start is still to be begun."""
    runs = Runs()
    assert runs.anew(KEY, source(), "http://sink/") is not None
    assert runs.anew(KEY, source(), "http://sink/") is not None


def test_the_end() -> None:
    """A run ends with its source, or with all others; ending what does not run is nothing."""
    runs = Runs()
    told = begun(runs)
    runs.end(KEY)
    runs.end(KEY)
    assert told == ["cancelled"]
    told = begun(runs)
    runs.end_all()
    assert told == ["cancelled"]
