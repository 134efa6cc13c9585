"""Plan to files: rsync filters, systemd, Prometheus, docs; pure, templates only loop."""
