"""All kinds, in the order of the page."""

from fault_kinds import copies, errors, kills, mutations, power, settings

ALL = (
    kills.KIND,
    errors.KIND,
    power.KIND,
    mutations.KIND,
    copies.KIND,
    settings.SET,
    settings.FILES,
)
KINDS = {kind.name: kind for kind in ALL}
