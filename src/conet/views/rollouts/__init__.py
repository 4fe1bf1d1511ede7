"""Views of rollouts, of a language model or of any other log: functions from a diagnosis to a view."""
