"""The window's texts: what only it says in English, and everything in Simplified Chinese. Plain data."""
