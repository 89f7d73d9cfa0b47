"""What a word for a model means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.library.building import CLASSIFIER, COMMIT, OTHER_COMMIT, Hub, card, config, write_artifact, write_files
from workbench.errors import ModelError
from workbench.library.artifacts import list_artifacts
from workbench.library.model import Roots, Scan
from workbench.library.references import Found, find
from workbench.library.scanner import find_repo, scan

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
ARTIFACT = f"org--exported/{COMMIT[:8]}-text-classification"
GRAPHS = {"config.json": config(), "tokenizer.json": "{}", "onnx/model.onnx": "graph"}


class Library:
    """A cache, a folder of the user, exported models, and a working directory."""

    def __init__(self, tmp_path: Path) -> None:
        self.hub = Hub(tmp_path / "hub")
        self.artifacts = tmp_path / "artifacts"
        self.folder = tmp_path / "models"
        self.folder.mkdir()
        self.scans = 0

    def scan(self) -> Scan:
        self.scans += 1
        return scan(Roots(hub_caches=(self.hub.root,), folders=(self.folder,)))

    def find(self, name: str | Path, revision: str | None = None) -> Found:
        return find(
            str(name),
            revision,
            scan=self.scan,
            artifacts=lambda: list_artifacts(self.artifacts),
            repo=lambda repo_id: find_repo(Roots(hub_caches=(self.hub.root,)), repo_id),
        )

    def fails(self, name: str | Path, revision: str | None = None) -> ModelError:
        with pytest.raises(ModelError) as caught:
            self.find(name, revision)
        assert "\n" not in str(caught.value)
        return caught.value


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    (tmp_path / "working").mkdir()
    monkeypatch.chdir(tmp_path / "working")
    return Library(tmp_path)


class TestIds:
    def test_an_exact_id_needs_no_listing(self, library: Library) -> None:
        snapshot = library.hub.add(MINILM)
        found = library.find(MINILM)
        assert (found.name, found.folder) == (MINILM, snapshot)
        assert found.model
        assert found.revision is found.model.revision
        assert found.artifact is None
        assert library.scans == 0

    @pytest.mark.parametrize("word", ["all-MiniLM-L6-v2", "ALL-minilm-l6-V2", MINILM.upper()])
    def test_the_last_part_and_other_letters_are_enough(self, library: Library, word: str) -> None:
        library.hub.add(MINILM)
        library.hub.add("other/model")
        assert library.find(word).name == MINILM

    def test_a_word_for_several(self, library: Library) -> None:
        for repo_id in ("a/same", "b/same", "c/other"):
            library.hub.add(repo_id)
        error = library.fails("same")
        assert error.code == "model-ambiguous"
        assert "a/same, b/same" in str(error)

    def test_an_exact_id_is_clear_though_it_is_part_of_another(self, library: Library) -> None:
        library.hub.add("gpt2")
        library.hub.add("org/gpt2")
        assert library.find("gpt2").name == "gpt2"

    def test_a_model_of_the_users_folder(self, library: Library) -> None:
        write_files(library.folder / "org" / "mine", GRAPHS)
        assert library.find("org/mine").folder == (library.folder / "org" / "mine").resolve()
        assert library.find("mine").name == "org/mine"

    def test_of_one_id_in_two_places_the_whole_one(self, library: Library) -> None:
        library.hub.add("org/mine", {"config.json": config()})
        write_files(library.folder / "org" / "mine", GRAPHS)
        found = find("ORG/mine", None, scan=library.scan, artifacts=lambda: list_artifacts(library.artifacts))
        assert found.model
        assert found.model.layout == "folder"

    def test_a_model_that_cannot_be_read_is_found_with_its_reason(self, library: Library) -> None:
        (library.hub.repo("org/empty") / "snapshots").mkdir(parents=True)
        found = library.find("org/empty")
        assert found.revision is None
        assert found.model
        assert found.model.reason
        assert found.path("README.md") is None

    def test_an_unknown_one_is_told_with_what_is_near(self, library: Library) -> None:
        for repo_id in (MINILM, "openai/whisper-tiny.en", "cross-encoder/ms-marco-MiniLM-L12-v2"):
            library.hub.add(repo_id)
        error = library.fails("wisper-tiny")
        assert error.code == "model-unknown"
        assert error.arguments["near"].startswith("openai/whisper-tiny.en")
        assert str(library.hub.root) in error.arguments["places"]
        assert library.fails("sentence-transformers/all-minilm-l12-v2").arguments["near"].startswith(MINILM)
        assert library.fails("zzzz").arguments["near"]

    def test_where_there_is_none_at_all(self, library: Library) -> None:
        error = library.fails("gpt2")
        assert error.code == "model-none-known"
        assert str(library.hub.root) in str(error)

    @pytest.mark.parametrize("word", ["", " ", "/", "..", "a\0b", "x" * 5000, "\udcff", "models--x", "%s{0}"])
    def test_words_that_mean_nothing(self, library: Library, word: str) -> None:
        library.hub.add("org/model")
        assert library.fails(word).code in ("model-unknown", "model-no-folder", "model-not-a-folder")


class TestRevisions:
    @pytest.fixture(autouse=True)
    def two(self, library: Library) -> None:
        library.hub.add("org/model")
        library.hub.add("org/model", {**CLASSIFIER, "README.md": card()}, commit=OTHER_COMMIT, refs=("v1", "refs/pr/2"))

    @pytest.mark.parametrize("word", ["v1", "refs/pr/2", OTHER_COMMIT, OTHER_COMMIT[:8], OTHER_COMMIT[:4]])
    def test_by_ref_or_commit(self, library: Library, word: str) -> None:
        found = library.find("org/model", word)
        assert found.revision
        assert found.revision.commit == OTHER_COMMIT
        assert found.folder.name == OTHER_COMMIT

    @pytest.mark.parametrize("word", ["v2", "fed", "", "fedc0"])
    def test_one_that_is_not_there(self, library: Library, word: str) -> None:
        error = library.fails("org/model", word)
        assert error.code == "model-no-revision"
        assert "main, refs/pr/2" in str(error)

    def test_a_folder_of_the_user_has_none(self, library: Library) -> None:
        write_files(library.folder / "mine", GRAPHS)
        assert library.fails(library.folder / "mine", "main").code == "model-no-revision"


class TestFolders:
    def test_a_folder_with_graphs(self, library: Library, tmp_path: Path) -> None:
        folder = write_files(tmp_path / "anywhere", GRAPHS)
        found = library.find(folder)
        assert (found.name, found.folder) == ("anywhere", folder.resolve())
        assert found.revision
        assert found.revision.run.possible
        assert found.path("config.json") == folder.resolve() / "config.json"
        assert library.scans == 0

    @pytest.mark.parametrize("word", [".", "./", "../working", "sub/.."])
    def test_the_working_directory_has_its_own_name(self, library: Library, word: str) -> None:
        write_files(Path.cwd(), GRAPHS)
        Path("sub").mkdir()
        assert library.find(word).name == "working"

    def test_a_snapshot_or_repository_of_a_cache_is_that_model(self, library: Library) -> None:
        library.hub.add("org/model")
        other = library.hub.add("org/model", commit=OTHER_COMMIT, refs=())
        found = library.find(other)
        assert found.name == "org/model"
        assert found.revision
        assert (found.revision.commit, found.revision.state) == (OTHER_COMMIT, "ready")
        found = library.find(library.hub.repo("org/model"))
        assert found.revision
        assert found.revision.commit == COMMIT
        assert library.find(other, "main").folder.name == COMMIT

    def test_a_link_to_a_folder_that_the_user_names_is_followed(self, library: Library, tmp_path: Path) -> None:
        folder = write_files(tmp_path / "anywhere", GRAPHS)
        Path("link").symlink_to(folder)
        assert library.find("./link").folder == folder.resolve()

    def test_a_path_that_is_not_there(self, library: Library, tmp_path: Path) -> None:
        library.hub.add("org/model")
        for word in ("./none", str(tmp_path / "none"), "../none/", "~/none-at-all"):
            error = library.fails(word)
            assert error.code == "model-no-folder"

    def test_a_folder_that_is_no_model(self, library: Library, tmp_path: Path) -> None:
        assert library.fails(tmp_path).code == "model-not-a-folder"
        (tmp_path / "file").write_text("")
        assert library.fails(tmp_path / "file").code == "model-no-folder"

    def test_a_plain_word_is_a_folder_only_where_no_id_is_exactly_that(self, library: Library) -> None:
        write_files(Path("gpt2"), GRAPHS)
        assert library.find("gpt2").folder == Path("gpt2").resolve()
        library.hub.add("org/gpt2")
        assert library.find("gpt2").folder == Path("gpt2").resolve()
        library.hub.add("gpt2")
        assert library.find("gpt2").model
        assert library.find("gpt2").folder.parent.name == "snapshots"

    def test_a_folder_of_other_things_hides_no_model(self, library: Library) -> None:
        Path("gpt2").mkdir()
        library.hub.add("org/gpt2")
        assert library.find("gpt2").name == "org/gpt2"


class TestArtifacts:
    @pytest.fixture
    def folder(self, library: Library) -> Path:
        return write_artifact(library.artifacts / ARTIFACT, repo_id="org/exported")

    def test_by_id_and_by_folder(self, library: Library, folder: Path) -> None:
        for word in (ARTIFACT, str(folder), os.path.relpath(folder)):
            found = library.find(word)
            assert (found.name, found.folder, found.model) == ("org/exported", folder, None)
            assert found.artifact
            assert found.artifact.id == ARTIFACT
            assert found.path("README.md") == folder / "README.md"
            assert found.path("receipts/x") is None

    def test_by_the_models_id_when_the_model_is_gone(self, library: Library, folder: Path) -> None:
        damaged = write_artifact(
            library.artifacts / "org--exported" / "ffffffff-text-classification", repo_id="org/exported"
        )
        (damaged / "config.json").unlink()
        for word in ("org/exported", "exported"):
            found = library.find(word)
            assert found.artifact
            assert found.artifact.id == ARTIFACT

    def test_the_model_goes_before_its_export(self, library: Library, folder: Path) -> None:
        library.hub.add("org/exported")
        assert library.find("org/exported").artifact is None

    def test_a_damaged_one_is_found_too(self, library: Library, folder: Path) -> None:
        (folder / "workbench.json").write_text("{")
        found = library.find(ARTIFACT)
        assert found.name == ARTIFACT
        assert found.artifact
        assert found.artifact.state == "damaged"
        assert found.path("README.md") is None

    def test_one_that_lies_elsewhere(self, library: Library, tmp_path: Path) -> None:
        folder = write_artifact(tmp_path / "usb" / "stick")
        found = library.find(folder)
        assert found.artifact
        assert found.artifact.id == str(folder.resolve())
        assert found.artifact.state == "ready"

    def test_its_revision_is_the_commit_it_was_made_of(self, library: Library, folder: Path) -> None:
        assert library.find(ARTIFACT, COMMIT[:6]).artifact
        assert library.fails(ARTIFACT, "main").code == "model-no-revision"

    def test_of_several_the_one_of_the_revision(self, library: Library, folder: Path) -> None:
        other = write_artifact(
            library.artifacts / "org--exported" / "fedcba98-text-classification",
            repo_id="org/exported",
            commit=OTHER_COMMIT,
        )
        os.utime(folder / "workbench.json", (1, 1))
        assert library.find("org/exported").folder == other
        assert library.find("org/exported", COMMIT).folder == folder
