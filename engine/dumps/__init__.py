"""Dumps: what clients of servers are asked, what an artefact must be, and when one is told."""
