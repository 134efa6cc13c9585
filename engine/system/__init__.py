"""Every effect on the machine: processes, files, clock, locks; it decides nothing."""
