"""When legs run: calendars with clock changes, waits, pauses, what is due."""
