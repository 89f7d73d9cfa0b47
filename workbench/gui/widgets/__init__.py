"""The look of the window: one theme, its icons, and the small set of widgets that every page and view is made of."""
