"""The arithmetic of scaling.py."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling import amdahl, efficiency


class ScalingTests(unittest.TestCase):
    def test_the_law_gives_back_the_parts_of_its_own_curve(self) -> None:
        serial, parallel = amdahl({n: 0.5 + 7.5 / n for n in (1, 2, 4, 8, 16)})
        self.assertAlmostEqual(serial, 0.5)
        self.assertAlmostEqual(parallel, 7.5)

    def test_relative_errors_count_alike_on_one_thread_and_on_many(self) -> None:
        exact = {n: 0.5 + 7.5 / n for n in (1, 2, 4, 8, 16)}
        serial, parallel = amdahl({n: t * (1.02 if n in (1, 4, 16) else 0.98) for n, t in exact.items()})
        self.assertAlmostEqual(serial, 0.5, delta=0.02)
        self.assertAlmostEqual(parallel, 7.5, delta=0.2)

    def test_more_than_the_ideal_speed_up_has_no_serial_part(self) -> None:
        serial, parallel = amdahl({1: 2.0, 2: 0.9})
        self.assertEqual(serial, 0)
        self.assertAlmostEqual(parallel, 1.9, delta=0.1)

    def test_threads_that_slow_each_other_down_have_no_parallel_part(self) -> None:
        serial, parallel = amdahl({1: 2.0, 2: 2.5})
        self.assertAlmostEqual(serial, 2.2, delta=0.1)
        self.assertEqual(parallel, 0)

    def test_one_thread_alone_is_taken_as_parallel(self) -> None:
        self.assertEqual(amdahl({1: 2.0}), (0, 2))

    def test_threads_beyond_the_cores_cannot_be_expected_to_help(self) -> None:
        self.assertEqual(efficiency(8, 2, threads=8, cores=16), 0.5)
        self.assertEqual(efficiency(8, 4, threads=8, cores=2), 1)


if __name__ == "__main__":
    unittest.main()
