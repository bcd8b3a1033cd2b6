"""What `task=` can be: one function each, called with the configuration and the run folder."""

TASKS = {
    "render": "vdof.pipeline:run",
    "check": "vdof.check.of_clip:run",
    "rank": "vdof.tasks.rank:run",
    "cache": "vdof.tasks.cache:run",
    "shots": "vdof.tasks.shots:run",
    "prompt": "vdof.tasks.prompt:run",
    "exchange": "vdof.tasks.exchange:run",
    "notebook": "vdof.tasks.notebook:run",
}
"""Name -> module:function; imported when chosen, so that a small task starts at once."""

WITHOUT_INPUT: frozenset[str] = frozenset({"rank", "cache", "shots", "prompt", "exchange", "notebook"})
"""Tasks that need no clip."""
