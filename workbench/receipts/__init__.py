"""Receipts: what each variant of a model answers and how fast, measured, kept, said in words, proven elsewhere."""
