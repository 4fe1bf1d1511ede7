"""The colours of all figures, and the names under which a page gives them other values on a dark ground."""

INK, MUTED, GRID, PAPER = "#1b1f24", "#5b6470", "#e3e6ea", "#ffffff"
GHOST, SHADE = "#cdd3d9", "#f3e3d3"
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
SEQUENCE = ("#d3bf5a", "#aea372", "#868378", "#62656e", "#35456d", "#00224d")  # early to late, as cividis

# A page gives these variables other values on a dark ground; see page.css.
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    GHOST: "ghost",
    SHADE: "shade",
    BLUE: "blue",
    VERMILION: "vermilion",
    GREEN: "green",
    PURPLE: "purple",
    ORANGE: "orange",
    SKY: "sky",
} | {colour: f"late-{place}" for place, colour in enumerate(SEQUENCE)}
