"""Fetching a model from the Hub: first the small files, so that what cannot run is known before the weights come."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from qwen_nb.engine.catalog import not_found
from qwen_nb.errors import ModelLoadError, ModelNotFoundError

SMALL_FILES = ["*.json", "*.jinja", "*.txt"]
"""Configuration, tokenizer and chat template."""
WEIGHTS = ["*.safetensors"]
"""Pickled weights are never fetched: reading one runs code."""


def fetch(hub_id: str, patterns: list[str]) -> Path:
    """Folder with the files of that model that match, downloaded where they are not here yet.

    Raises:
        ModelNotFoundError: the Hub has no such model.
        ModelLoadError: the model needs a licence agreed to, or the Hub cannot be reached.
    """
    try:
        return Path(snapshot_download(hub_id, allow_patterns=patterns))
    except GatedRepoError as error:
        raise ModelLoadError(
            f"'{hub_id}' wants its licence agreed to first. Do that on its page, then log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFoundError(not_found(hub_id)) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, ConnectionError) as error:
        raise ModelLoadError(
            f"'{hub_id}' is neither a folder here nor downloaded before, and the Hub cannot be reached. Once online, "
            f"`hf download {hub_id}` fetches it; or pass the folder of a copy. `nano` works offline."
        ) from error
