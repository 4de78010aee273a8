"""Runs the unittest classes of a test file and prints the line that ./dev check counts."""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Result(unittest.TextTestResult):
    good = 0  # a whole class or file that is skipped, or cannot begin, is no test run

    def addSuccess(self, test):
        self.good += 1
        super().addSuccess(test)


def main(module):
    # daemons are stopped at exit: no signal may end us before that
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[module])
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout,
                                     resultclass=Result).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f'PASSED {result.good} FAILED {bad}')
    sys.exit(1 if bad else 77 if not result.good else 0)
