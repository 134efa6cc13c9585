"""How to get back what was lost: which copy is taken by age, and the commands of this policy."""
