"""How results look: one view a type of result, found in the table of :mod:`workbench.gui.views.table`."""
