"""The colours of the displays, distinguishable in greyscale and with colour blindness."""

__all__ = ["BLUE", "CYCLE", "GREY", "SEQUENTIAL", "SIGNED", "VERMILLION"]

# After Okabe and Ito, "Color Universal Design", 2008.
BLUE, VERMILLION, GREEN, ORANGE, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7"
GREY = "#808080"
CYCLE = {"color": [BLUE, ORANGE, GREEN, PURPLE], "linestyle": ["-", "--", "-.", ":"]}
SEQUENTIAL = "viridis_r"  # from light to dark, also in greyscale
SIGNED = "cividis"  # from dark, negative, to light, positive
