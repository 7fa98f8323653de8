"""The picture of a flow."""

import numpy as np
from matplotlib.quiver import Quiver

from cctview_pipeline.track.flow import RoadModel, fit_road_model
from cctview_pipeline.track.pictures import plot_flow
from cctview_pipeline_tests.factories.traffic import drive, two_way_traffic


def arrows(flow: RoadModel) -> list[Quiver]:
    (axes,) = plot_flow(np.zeros((240, 352, 3), np.uint8), flow).axes
    return [each for each in axes.collections if isinstance(each, Quiver)]


def test_arrows_point_where_the_cars_go_and_stand_where_they_were():
    towards, away = arrows(fit_road_model(drive(two_way_traffic()).sightings, 0.5))
    assert np.median(towards.V) > 5
    assert np.median(away.V) < -5
    assert abs(np.median(towards.X) - 120) < 12
    assert abs(np.median(away.X) - 220) < 12


def test_nothing_learned_is_a_frame_without_arrows():
    assert arrows(RoadModel((None, None))) == []
