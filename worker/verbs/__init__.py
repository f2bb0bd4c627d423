"""The verbs of the command line, one module for each thing an owner wants to do; worker.cli names them all."""
