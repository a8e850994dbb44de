"""Exact retrieval, verification and open-set metrics, without the matrix of similarities."""

from vicp.metrics.bootstrap import bootstrap_interval, bootstrap_means, interval
from vicp.metrics.open_set import OpenSet, open_set
from vicp.metrics.ranking import Retrieval, Ties, retrieval
from vicp.metrics.verification import Verification, verification, verify_all

__all__ = [
    "OpenSet",
    "Retrieval",
    "Ties",
    "Verification",
    "bootstrap_interval",
    "bootstrap_means",
    "interval",
    "open_set",
    "retrieval",
    "verification",
    "verify_all",
]
