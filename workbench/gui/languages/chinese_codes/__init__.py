"""Code → Simplified Chinese sentence, a table for each area; put together in :mod:`~workbench.gui.languages.chinese_messages`.

Sorted as the sentences in :mod:`workbench.messages`. Plain data.
"""
