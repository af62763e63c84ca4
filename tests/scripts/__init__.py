"""Tests of the tools around the code: the suite runner and the set-up."""
