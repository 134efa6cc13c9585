"""How everything stands now: legs, items, copies, destinations, the tracker."""
