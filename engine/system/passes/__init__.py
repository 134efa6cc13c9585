"""Steps carried out: the passes of a run over its feeds and items."""
