"""Views of a run of walks: functions from a :class:`conet.views.walks_data.WalksData` to a view."""
