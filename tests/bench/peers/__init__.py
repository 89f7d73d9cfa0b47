"""What ours is measured against. Each script is run by a Python that has the peer's libraries."""
