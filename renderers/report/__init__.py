"""The report: a plan and how everything stands as one page of HTML that needs nothing else."""
