"""The machine that runs jobs. It knows no particular stage."""
