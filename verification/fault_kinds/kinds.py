"""All kinds, in the order of the page."""

from fault_kinds import (
    controls,
    copies,
    crew,
    errors,
    full,
    identity,
    kills,
    language_model_kills,
    language_models,
    mutations,
    power,
    readers,
    serving,
    settings,
    silence,
    streams,
    targets,
)

ALL = (
    kills.KIND,
    errors.KIND,
    full.KIND,
    power.KIND,
    identity.KIND,
    mutations.KIND,
    language_models.KIND,
    language_model_kills.KIND,
    silence.KIND,
    copies.KIND,
    crew.KIND,
    settings.SET,
    settings.FILES,
    streams.KIND,
    targets.KIND,
    controls.KIND,
    readers.KIND,
    serving.KIND,
)
KINDS = {kind.name: kind for kind in ALL}
