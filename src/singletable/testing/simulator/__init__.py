"""The simulator: several writers, every kind of write, faults in each HTTP attempt, and an independent ledger."""

from singletable.testing.simulator.checks import CHECKS, Finding
from singletable.testing.simulator.network import APPLIED_LATER, FAULTS, NetworkFault
from singletable.testing.simulator.run import History, SimulationFailed, Simulator, simulate
from singletable.testing.simulator.workload import KINDS

__all__ = [
    "APPLIED_LATER",
    "CHECKS",
    "FAULTS",
    "KINDS",
    "Finding",
    "History",
    "NetworkFault",
    "SimulationFailed",
    "Simulator",
    "simulate",
]
