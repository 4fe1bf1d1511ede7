"""Stages of a run: the knee, the bottom of the V, and the moment of maximal frustration.

Offline, from whole curves, with intervals (:func:`find_knee`, :func:`curve_models`,
:func:`find_valley`, :func:`coincidence`); online, from one cheap update a step
(:class:`Detector`); and ahead of time (:func:`forecast`). All of it works on rollouts alone.
``docs/detector.md`` says how well.
"""

from conet.base.intervals import Interval
from conet.detect.evidence import Evidence, as_event
from conet.detect.forecast import Forecast, forecast
from conet.detect.knee import Knee, find_knee, knee
from conet.detect.models import CurveModels, curve_models
from conet.detect.online import Detector
from conet.detect.stages import Coincidence, Stages, coincidence, peak, stages
from conet.detect.valley import Valley, arc, find_valley, shortest
from conet.rollouts import Counts

__all__ = [
    "Coincidence",
    "Counts",
    "CurveModels",
    "Detector",
    "Evidence",
    "Forecast",
    "Interval",
    "Knee",
    "Stages",
    "Valley",
    "arc",
    "as_event",
    "coincidence",
    "curve_models",
    "find_knee",
    "find_valley",
    "forecast",
    "knee",
    "peak",
    "shortest",
    "stages",
]
