"""What the policy means: routing, filters, calendars, plans, steps; pure but for engine.system."""
