"""Shots in which time is the subject: blur that jumps, and fine patterns that vibrate."""

from __future__ import annotations

from .shots import Kind

MOVING: tuple[Kind, ...] = ()
