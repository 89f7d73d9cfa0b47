"""The library's side of :class:`workbench.api.Workbench`: models and exports, found, listed and deleted."""

from __future__ import annotations

import os

from workbench.errors import Notice
from workbench.exporting.spec import STAGING
from workbench.library.artifacts import Artifact, Artifacts, list_artifacts
from workbench.library.cards import Card, read_card
from workbench.library.deletion import DeletionPlan, execute, plan_artifact_deletion, plan_deletion, together
from workbench.library.entries import Listing, list_entries
from workbench.library.model import Model, Roots, Scan
from workbench.library.references import Found, find, is_path, revision_called
from workbench.library.scanner import find_repo, scan
from workbench.opened import Opened
from workbench.targets import recommended_precision

__all__ = ["LibraryMethods"]


class LibraryMethods(Opened):
    """Reads the hub's caches, the user's folders and the exports."""

    def models(self) -> Scan:
        """All models of the hub cache, the starter's cache and the user's folders."""
        return scan(Roots.of(self._settings))

    def artifacts(self) -> Artifacts:
        """All exported models. What killed exports left is removed first."""
        folder = self._settings.artifacts_folder
        if (folder / STAGING).is_dir():
            from workbench.exporting.job import clean_staging

            clean_staging(folder)
        return list_artifacts(folder)

    def entries(self) -> Listing:
        """What a user can pick: every model once, with its exports and what can be done with it now."""
        artifacts = self.artifacts()
        best = {item.id: recommended_precision(item) for item in artifacts.artifacts}
        return list_entries(self.models(), artifacts, best)

    def find(self, model: str, revision: str | None = None) -> Found:
        """The model that a word means: a hub id, an artifact, or a folder. Raises ModelError."""
        roots = Roots.of(self._settings)
        return find(
            model,
            revision,
            scan=self.models,
            artifacts=self.artifacts,
            repo=lambda repo_id: find_repo(roots, repo_id),
        )

    def copies(self, found: Found) -> tuple[Model, ...]:
        """The same repository in the other hub caches that are searched."""
        here = found.model
        if here is None or here.layout != "hub":
            return ()
        listed = (model for model in self.models().models if model.layout == "hub" and model.id == here.id)
        place = os.path.realpath(here.place)
        return tuple(copy for model in listed for copy in model.everywhere if os.path.realpath(copy.place) != place)

    def card(self, found: Found) -> Card | None:
        """The model card, None where there is none."""
        path = found.path("README.md")
        return read_card(path) if path and path.is_file() else None

    def recommended(self, artifact: Artifact) -> str | None:
        """The precision to prefer of an artifact."""
        return recommended_precision(artifact)

    def plan_deletion(self, model: str, revision: str | None = None) -> DeletionPlan:
        """What deleting a model, one revision of it, or an artifact would remove. Raises ModelError.

        By its id a model goes from all hub caches that have it, by the path of its folder from that one alone.
        """
        found = self.find(model, revision)
        if found.artifact:
            return plan_artifact_deletion(found.artifact)
        assert found.model is not None
        first = plan_deletion(found.model, found.revision if revision else None)
        if is_path(model):
            return first
        copies = [(copy, revision_called(copy, revision) if revision else None) for copy in self.copies(found)]
        return together(first, *(plan_deletion(copy, item) for copy, item in copies if item or not revision))

    def delete(self, plan: DeletionPlan) -> int:
        """Carry out a plan; the bytes that were freed. Raises ModelError.

        What is loaded of it is let go first: not every system deletes files that are in use.
        """
        with self._lock:
            host = self._host
        if host and host.pid is not None:
            for path in plan.paths:
                host.call("unload", {"folder": str(path)}, doing=Notice.of("doing-unload", model=plan.what))
        return execute(plan)
