"""Tests of the library: caches are built as the hub's client lays them out, and then broken one way each."""
