"""What a policy compiles to, and the questions that everything else asks of it."""
