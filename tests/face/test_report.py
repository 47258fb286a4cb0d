"""What the points network was measured to report of a person, and what a fit makes of it."""

import numpy as np

from likeness.face.landmarks import Points
from likeness.face.report import load_report, reported_head, weighed
from likeness.head.model import load_head


def test_it_knows_every_mode_of_the_head_and_reports_a_part_of_it():
    report = load_report()
    assert report.gain.shape == (len(load_head().identity_basis),)
    assert (report.gain > 0.05).all() and (report.gain < 1.1).all()
    assert 0.3 < report.spread < 1.5
    assert 0.7 < report.opening < 1.05


def test_the_reported_head_differs_in_its_points_alone():
    head, seen = load_head(), reported_head()
    assert seen.identity_basis is head.identity_basis
    first = np.linalg.norm(seen.point_identity[0]) / np.linalg.norm(head.point_identity[0])
    assert np.isclose(first, load_report().gain[0], rtol=1e-5)


def test_points_are_weighed_by_how_far_they_are_off():
    nothing = np.zeros(450)
    points = Points(np.zeros((450, 2)), nothing, np.full(450, 2.0), nothing, 1.0)
    assert np.allclose(weighed(points).sigma_px, 2.0 * load_report().spread)
