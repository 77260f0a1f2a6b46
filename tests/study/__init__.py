"""Tests of tinygrad_lite.study."""
