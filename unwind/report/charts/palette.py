"""Colours of the report by role, for light and dark pages, and their CSS variables."""

# Role → (light, dark). Series colours after Okabe and Ito (2008), safe for colour-blind readers;
# on a dark page sky blue and yellow replace blue and sky blue.
PALETTE = {
    "ink": ("#1b1d20", "#e7e9ec"),
    "muted": ("#5a6067", "#a4acb5"),
    "rule": ("#dcdfe3", "#343a41"),
    "others": ("#b9bec5", "#4b525a"),
    "first": ("#0072b2", "#56b4e9"),
    "second": ("#d55e00", "#e8772a"),
    "third": ("#009e73", "#009e73"),
    "fourth": ("#cc79a7", "#cc79a7"),
    "fifth": ("#56b4e9", "#f0e442"),
    "watch": ("#f0e442", "#8f8500"),
    "deleveraging": ("#d55e00", "#d55e00"),
    "degrossing": ("#cc79a7", "#cc79a7"),
    "release": ("#56b4e9", "#56b4e9"),
    "unknown": ("#8a9099", "#8a9099"),
}
SERIES = ("first", "second", "third", "fourth", "fifth")
SHADED = {
    "WATCH": "watch",
    "DELEVERAGING": "deleveraging",
    "DEGROSSING": "degrossing",
    "RELEASE": "release",
    "UNKNOWN": "unknown",
}

# Backgrounds, light and dark: the page, and a heading's tint on it.
PAPER = ("#ffffff", "#14171a")
PANEL = ("#f4f5f6", "#1c2024")
TINT = (0.14, 0.22)

# Charts are drawn in placeholder colours, which the finished SVG replaces by variables.
INKS = {role: f"#0101{index:02x}" for index, role in enumerate(PALETTE)}
ROLE_OF = {colour: role for role, colour in INKS.items()}
