# The verbs of ./run, for fingers that type make. ./run help explains them.
.PHONY: demo test lint bench setup servers-start servers-stop help

demo test lint bench setup:
	@./run $@

servers-start:
	@./run servers start

servers-stop:
	@./run servers stop

help:
	@./run help
